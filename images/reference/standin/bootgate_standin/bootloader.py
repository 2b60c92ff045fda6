"""What `bootupctl backend install` does, from the same payload and with the same traces, for images without bootupd, which Debian
does not have. An image that has it is served by it (`bootupd`).

EFI: `/usr/lib/efi/<name>/<version>/EFI` goes to the ESP. BIOS: GRUB's boot sector and a core image made for this disk.
Then the static configuration and `/boot/bootupd-state.json` (coreos/bootupd, `src/{efi,bios,grubconfigs}.rs`).
"""
import hashlib
import json
import os
import subprocess
import sys

from . import blockdev, bootupd
from .errors import BootcError, context, os_error

UPDATES = "usr/lib/bootupd/updates"
_STATIC = "usr/lib/bootupd/grub2-static"
_BIOS = "usr/lib/grub/i386-pc"
_VENDOR = "debian"
_VERSION = "0.2.35"  # the bootupd whose traces these are
_SECTOR = 512


def _read(*parts: str) -> bytes:
    with open(os.path.join(*parts), "rb") as stream:
        return stream.read()


def _write(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
        stream.write(data)


def has_payload(deployment: str) -> bool:
    """Whether an image carries what bootupd would install."""
    return os.path.isdir(os.path.join(deployment, UPDATES))


def wanted_components(generic: bool) -> list[str]:
    """Both firmwares for a generic image, where the architecture has both; else the one that this machine was started by (`--auto`)."""
    if os.uname().machine != "x86_64":
        return ["EFI"]
    if generic:
        return ["BIOS", "EFI"]
    return ["EFI" if os.path.isdir("/sys/firmware/efi") else "BIOS"]


def _payload(deployment: str) -> dict[str, str]:
    """Path below EFI/ on the ESP -> path below /usr/lib/efi, of every file of the payload."""
    base, found = os.path.join(deployment, "usr/lib/efi"), {}
    for folder, _folders, names in sorted(os.walk(base)):
        parts = os.path.relpath(folder, base).split(os.sep)
        if len(parts) > 2 and parts[2] == "EFI":
            for name in names:
                found["/".join([*parts[3:], name])] = "/".join([*parts, name])
    return found


def _install_efi(deployment: str, root: str, esp: str, boot_uuid: str | None) -> dict:
    point = os.path.join(root, "boot/efi")
    blockdev.mount(esp, point)
    try:
        tree = {}
        for target, source in sorted(_payload(deployment).items()):
            data = _read(deployment, "usr/lib/efi", source)
            _write(os.path.join(point, "EFI", target), data)
            digest = f"sha512:{hashlib.sha512(data).hexdigest()}"
            tree[target] = {"source": source, "size": len(data), "sha512": digest}
        if not tree:
            raise BootcError("No EFI payload in usr/lib/efi")
        _write(os.path.join(point, "EFI", _VENDOR, "grub.cfg"), _read(deployment, _STATIC, "grub-static-efi.cfg"))
        print(f'Installed: "{_VENDOR}/grub.cfg"')
        if boot_uuid is not None:
            _write(os.path.join(point, "EFI", _VENDOR, "bootuuid.cfg"), _boot_uuid(boot_uuid))
            print(f'Installed: "{_VENDOR}/bootuuid.cfg"')
    finally:
        blockdev.read_command("umount", point)
    return {"children": tree}


def _boot_uuid(boot_uuid: str) -> bytes:
    return f'set BOOT_UUID="{boot_uuid}"\n'.encode()


def _core_image(deployment: str, root_uuid: str) -> bytes:
    """GRUB's core image that finds the root file system by its UUID, as grub-install would make it."""
    folder = os.path.join(deployment, _BIOS)
    early = os.path.join("/tmp", f"grub-early-{os.getpid()}.cfg")
    _write(
        early,
        f"search --no-floppy --fs-uuid {root_uuid} --set root\n"
        "set prefix=($root)/boot/grub2\nconfigfile $prefix/grub.cfg\n".encode(),
    )
    try:
        done = subprocess.run(
            ["grub-mkimage", "-O", "i386-pc", "-d", folder, "-p", "/boot/grub2", "-c", early, "-o", f"{early}.img",
             *_read(folder, "static-modules").decode().split()],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise BootcError(done.stderr.strip())
        return _read(f"{early}.img")
    finally:
        for path in (early, f"{early}.img"):
            if os.path.exists(path):
                os.unlink(path)


def bios_images(boot: bytes, core: bytes, start: int) -> tuple[bytes, bytes]:
    """Boot sector and core image as grub-bios-setup writes them for a GPT: each is told in which sector the next part is."""
    sector = bytearray(boot[:440])  # the partition table follows
    sector[0x5C:0x64] = start.to_bytes(8, "little")
    sector[0x66:0x68] = b"\x90\x90"  # trust the drive number that the BIOS gives
    image = bytearray(core)
    image[_SECTOR - 12 : _SECTOR - 4] = (start + 1).to_bytes(8, "little")
    return bytes(sector), bytes(image)


def _install_bios(deployment: str, disk: str, root_uuid: str) -> None:
    place = blockdev.partition_of_type(disk, blockdev.BIOS_BOOT_TYPE)
    if place is None:
        raise BootcError(f"{disk} does not have a BIOS boot partition")
    core = _core_image(deployment, root_uuid)
    if len(core) > place["size"] * _SECTOR:
        raise BootcError(f"GRUB's core image is larger than {place['node']}")
    start = place["start"]
    boot, core = bios_images(_read(deployment, _BIOS, "boot.img"), core, start)
    with open(disk, "r+b", buffering=0) as stream:
        _patch(stream, boot, core, start)
        os.fsync(stream.fileno())


def _patch(stream, boot: bytes, core: bytes, start: int) -> None:
    """Devices are written by whole sectors."""
    first = stream.read(_SECTOR)
    stream.seek(0)
    stream.write(boot + first[len(boot) :])
    stream.seek(start * _SECTOR)
    stream.write(core + bytes(-len(core) % _SECTOR))


def _esp_of(disk: str) -> str:
    place = blockdev.partition_of_type(disk, blockdev.ESP_TYPE)
    if place is None:
        raise BootcError("ESP partition not found")
    return place["node"]


def _static_config(deployment: str) -> bytes:
    folder = os.path.join(deployment, _STATIC)
    drop_ins = os.path.join(folder, "configs.d")
    names = sorted(os.listdir(drop_ins)) if os.path.isdir(drop_ins) else []
    return b"".join([_read(folder, "grub-static-pre.cfg"), *(_read(drop_ins, name) for name in names)])


def write_static(deployment: str, root: str, fs_uuid: str | None) -> None:
    """Writes the static configuration of an image to `/boot/grub2`; with the UUID that finds it where there is one."""
    folder = os.path.join(root, "boot/grub2")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    _write(os.path.join(folder, "grub.cfg"), _static_config(deployment))
    print("Installed: grub.cfg")
    if fs_uuid is not None:
        _write(os.path.join(folder, "bootuuid.cfg"), _boot_uuid(fs_uuid))
        print("Installed: bootuuid.cfg")
    _write(os.path.join(folder, "grubenv"), b"# GRUB Environment Block\n".ljust(1024, b"#"))


def install(deployment: str, root: str, fs_uuid: str, generic: bool, write_uuid: bool) -> None:
    """Puts the boot loader of the image in `deployment` on the disk that the file system mounted at `root` lies on.

    `fs_uuid` is that of the file system with /boot. Raises BootcError with bootc's words before bootupd's.
    """
    print("Installing bootloader via bootupd", flush=True)
    if bootupd.is_in(deployment):
        with context("Installing bootloader"):
            bootupd.install(deployment, root, generic, write_uuid)
        return
    try:
        _install(deployment, root, fs_uuid, generic, write_uuid)
    except (BootcError, OSError) as error:
        print(f"error: boot data installation failed: {error if isinstance(error, BootcError) else os_error(error)}", file=sys.stderr)
        raise BootcError("Installing bootloader: Failed to run command: bootupctl backend install (bootgate stand-in)") from error


def _install(deployment: str, root: str, fs_uuid: str, generic: bool, write_uuid: bool) -> None:
    disk = blockdev.disk_of(blockdev.file_system_at(root)["source"])
    installed = {}
    for component in wanted_components(generic):
        path = os.path.join(deployment, UPDATES, f"{component}.json")
        if not os.path.exists(path):
            continue
        tree = None
        with context(f"installing component {component}"):
            if component == "EFI":
                tree = _install_efi(deployment, root, _esp_of(disk), fs_uuid if write_uuid else None)
            else:
                _install_bios(deployment, disk, fs_uuid)
        installed[component] = {"meta": json.loads(_read(path)), "filetree": tree, "adopted-from": None}
    if not installed:
        raise BootcError("No components installed")
    write_static(deployment, root, fs_uuid if write_uuid else None)
    static = {"timestamp": "1970-01-01T00:00:00Z", "version": _VERSION, "versions": None}
    state = {"installed": installed, "pending": None, "static-configs": static}
    _write(os.path.join(root, "boot/bootupd-state.json"), json.dumps(state, separators=(",", ":")).encode())
    sys.stdout.flush()
