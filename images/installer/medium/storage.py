"""Partitions, file systems and encryption as Anaconda and blivet make them, for the few kickstart commands that bootgate's
kickstarts have: `autopart` (plain and btrfs), `part`, `btrfs`. `plan` is pure, `make` writes to the disk."""
import os
import shutil
import subprocess
from collections import namedtuple

from talk import Failed, NotSaved, NotValid, run, say

TARGET = "/mnt/sysimage"
DISK = "/dev/vda"
ESP_TYPE = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
BIOS_TYPE = "21686148-6449-6e6f-744e-656564454649"
ROOT_TYPE = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
BOOT_TYPE = "bc13c2ff-59e6-4262-a352-b275fd6f7172"
MIB = 1024 * 1024

# Where a file system is mounted, its kind, least size in MiB, whether it takes the rest, and its label. Of a btrfs volume
# one subvolume is mounted; None for its top level. What `luks` says of encryption; None for none.
Part = namedtuple("Part", "point kind least grows label subvol luks")
# Passphrase, version, and what PBKDF is to cost: kind, memory in KiB, time in ms, iterations; empty or 0 for cryptsetup's own.
Luks = namedtuple("Luks", "passphrase version pbkdf memory time iterations")
# What an installed system has to know of its disk: kernel arguments, lines of /etc/crypttab; and the names of what was opened.
Made = namedtuple("Made", "kargs crypttab opened")


def plan(handler) -> list[Part]:
    """The partitions that a kickstart asks for, what takes the rest last. Raises Failed for what cannot be made."""
    parts = _automatic(handler.autopart) if handler.autopart.seen else _custom(handler)
    for number, part in enumerate(parts, start=3):
        if part.luks is not None and part.luks.passphrase == "":
            raise NotValid(f"LUKS device vda{number} has no encryption key.")
        if part.luks is not None and part.point == "/boot":
            raise NotValid("/boot cannot be encrypted.")
    return parts


def _luks(data) -> Luks | None:
    if not data.encrypted:
        return None
    version = data.luks_version or "luks2"
    return Luks(data.passphrase, version, data.pbkdf, data.pbkdf_memory, data.pbkdf_time, data.pbkdf_iterations)


def _automatic(asked) -> list[Part]:
    """A /boot of its own, and one volume for the rest: Anaconda's own partitions without swap and home."""
    from pykickstart.constants import AUTOPART_TYPE_BTRFS, AUTOPART_TYPE_PLAIN

    if asked.type not in (None, AUTOPART_TYPE_PLAIN, AUTOPART_TYPE_BTRFS):
        raise Failed("The stand-in installer has the partitioning schemes plain and btrfs only.")
    boot = [] if asked.noboot else [Part("/boot", "ext4", 1024, False, "boot", None, None)]
    if asked.type == AUTOPART_TYPE_BTRFS:
        # Anaconda looks for the deployments below `root` of the volume (payloads/payload/bootc/installation.py).
        root = Part("/", "btrfs", 3072, True, "root", "root", _luks(asked))
    else:
        root = Part("/", asked.fstype or "ext4", 3072, True, "root", None, _luks(asked))
    return [*boot, root]


def _custom(handler) -> list[Part]:
    volumes = _btrfs_members(handler.btrfs.btrfsList)
    parts = []
    for data in handler.partition.partitions:
        point, kind, subvol = data.mountpoint, data.fstype or "ext4", None
        label = data.label or ("root" if point == "/" else point.strip("/").replace("/", "-"))
        if point.startswith("btrfs."):
            if point not in volumes:
                raise NotSaved(f"nothing is said of the btrfs member {point}.")
            point, subvol, label = volumes[point]
            kind = "btrfs"
        if point.startswith("/") and point != "/boot/efi":
            parts.append(Part(point, kind, data.size or 1, bool(data.grow), label, subvol, _luks(data)))
    if not any(part.point == "/" for part in parts):
        raise NotValid("there is no partition for /.")
    return sorted(parts, key=lambda part: part.grows)


def _btrfs_members(entries) -> dict[str, tuple[str, str | None, str]]:
    """Member partition -> (mount point, subvolume, label) of volumes with one member and one mounted subvolume."""
    found = {}
    for volume in [entry for entry in entries if not entry.subvol]:
        names = (volume.label, f"LABEL={volume.label}", *volume.devices)
        mounted = [entry for entry in entries if entry.subvol and entry.devices[0] in names]
        if len(volume.devices) != 1 or len(mounted) > 1:
            raise Failed("The stand-in installer makes btrfs volumes of one partition with one subvolume only.")
        point, subvol = (mounted[0].mountpoint, mounted[0].name) if mounted else (volume.mountpoint, None)
        found[volume.devices[0]] = (point, subvol, volume.label or "root")
    return found


def make(parts: list[Part]) -> Made:
    """Divides the disk, makes its file systems and mounts them below the target. Raises NotSaved before it touches the disk
    where there is no room or no program for one."""
    size = int(run("blockdev", "--getsize64", DISK).strip()) // MIB
    for part in parts:
        if shutil.which(f"mkfs.{part.kind}") is None or subprocess.call(["modprobe", "-q", part.kind]) != 0:
            raise NotSaved(f'The "{part.kind}" file system type is not supported.')
    if sum(part.least for part in parts) + 520 > size:
        raise NotSaved("Unable to allocate requested partition scheme.")
    say("Checking storage configuration...")
    say("Configuring storage")
    _divide(parts)
    made, mounts = Made([], [], []), []
    for number, part in enumerate(parts, start=3):
        device = f"{DISK}{number}"
        if part.luks is not None:
            device = _encrypt(device, part.luks, made)
        say(f"Creating {part.kind} on {device}")
        run(f"mkfs.{part.kind}", "-L", part.label, device)
        mounts.append((part.point, device, part.subvol))
    run("udevadm", "settle")
    for point, device, subvol in sorted(mounts):
        _mount(point, device, subvol)
    return made


def _divide(parts: list[Part]) -> None:
    say(f"Creating disklabel on {DISK}")
    table = ["label: gpt", f"size=1MiB, bootable, type={BIOS_TYPE}", f"size=512MiB, type={ESP_TYPE}"]
    for part in parts:
        kind = ROOT_TYPE if part.point == "/" else BOOT_TYPE
        table.append(f"type={kind}" if part.grows else f"size={part.least}MiB, type={kind}")
    run("sfdisk", "--wipe=always", DISK, stdin="\n".join(table) + "\n")
    run("udevadm", "settle")
    say(f"Creating efi on {DISK}2")
    run("mkfs.fat", "-n", "EFI-SYSTEM", f"{DISK}2")


def _encrypt(device: str, luks: Luks, made: Made) -> str:
    """Makes and opens a LUKS device named after its UUID, and notes what the installed system has to know: the kernel
    argument of blivet's LUKSDevice and the line of its crypttab. Returns the opened device."""
    say(f"Creating {luks.version} on {device}")
    costs = [
        *(["--pbkdf", luks.pbkdf] if luks.pbkdf else []),
        *(["--pbkdf-memory", str(luks.memory)] if luks.memory else []),
        *(["--iter-time", str(luks.time)] if luks.time else []),
        *(["--pbkdf-force-iterations", str(luks.iterations)] if luks.iterations else []),
    ]
    # Brings /dev/mapper/control along, which libdevmapper looks for.
    run("modprobe", "dm_crypt")
    run("cryptsetup", "luksFormat", "--batch-mode", "--type", luks.version, *costs, "--key-file=-", device, stdin=luks.passphrase)
    identifier = run("cryptsetup", "luksUUID", device).strip()
    name = f"luks-{identifier}"
    run("cryptsetup", "open", "--type", "luks", "--key-file=-", device, name, stdin=luks.passphrase)
    made.kargs.append(f"rd.luks.uuid={name}")
    made.opened.append(name)
    made.crypttab.append(f"{name} UUID={identifier} none discard\n")
    return f"/dev/mapper/{name}"


def _mount(point: str, device: str, subvol: str | None) -> None:
    place = os.path.join(TARGET, point.lstrip("/"))
    os.makedirs(place, exist_ok=True)
    run("mount", device, place)
    if subvol is not None:
        run("btrfs", "subvolume", "create", os.path.join(place, subvol))
        run("umount", place)
        run("mount", "-o", f"subvol={subvol}", device, place)


def close(made: Made) -> None:
    """Unmounts the target and closes what was opened of it."""
    run("umount", "-R", TARGET)
    for name in made.opened:
        run("cryptsetup", "close", name)
