"""`bootc install` of the stand-in on a host without disks, ostree and root: the programs of the system are faked at the
calls the stand-in makes, everything above is its own code. Reads where the stand-in is, then a case a line, and prints
a line for each that says how it ended."""
import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import types

given = json.loads(sys.stdin.readline())
sys.dont_write_bytecode = True
sys.path.insert(0, given["standin"])

from bootgate_standin import blockdev, bootloader, cli, deploy, host, install, install_config, install_targets  # noqa: E402
from bootgate_standin.errors import BootcError  # noqa: E402
from bootgate_standin.importer import RemoteImage  # noqa: E402

COMMIT = "c" * 64
PARTITIONS = (blockdev.BIOS_BOOT_TYPE, blockdev.ESP_TYPE, "4f68bce3-e8cd-4db1-96e7-fbcaf984b709")
real_ismount, real_isdir = os.path.ismount, os.path.isdir


class World:
    """One machine: a disk, an image, a mounted folder."""

    def __init__(self, case: dict) -> None:
        self.case, self.commands, self.kargs = case, [], []
        self.root = tempfile.mkdtemp(prefix="bootgate-install-")
        self.disk = os.path.join(self.root, "dev/vdb")
        self.esp, self.target = os.path.join(self.root, "esp"), os.path.join(self.root, "target")
        for folder in ("dev", "esp", "target", "target/lost+found", "config/bootc/install"):
            os.makedirs(os.path.join(self.root, folder))
        with open(self.disk, "wb") as stream:
            stream.truncate(1 << 22)
        for name, text in {**case.get("files", {}), **case.get("config", {})}.items():
            path = os.path.join(self.root, "config/bootc/install" if name.endswith(".toml") else "", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)

    def table(self) -> list[dict]:
        start = [2048, 4096, 1052672]
        return [
            {"node": f"{self.disk}{number + 1}", "start": start[number], "size": 2048, "type": kind.upper()}
            for number, kind in enumerate(PARTITIONS)
        ]

    def parents(self, device: str) -> dict:
        """A device and what it lies on, as `lsblk --inverse` has it."""
        if device == self.disk:
            return {"name": device, "type": "disk"}
        if device.startswith("/dev/mapper/"):
            below = [self.parents(f"{self.disk}{number}") for number in self.case.get("members", [3])]
            return {"name": device, "type": "crypt", "children": below}
        return {"name": device, "type": "part", "children": [self.parents(self.disk)]}

    def run(self, command, **options) -> types.SimpleNamespace:
        """Every program that the stand-in starts; ostree is below."""
        words = [word.replace(self.root, "") for word in command]
        self.commands.append(" ".join(words) + (f" <<< {options['input']}" if options.get("input") else ""))
        status = self.case.get("fail", {}).get(words[0], 0)
        out = "" if status else self.answer(command)
        if options.get("stdout", -1) is None:
            print(out, end="")
        return types.SimpleNamespace(returncode=status, stdout=out, stderr="it was told to fail\n")

    def answer(self, command) -> str:
        program, last = command[0], command[-1]
        if program == "lsblk":
            if "-s" in command:
                return json.dumps({"blockdevices": [self.parents(last)]})
            children = [{"path": f"{self.disk}{number}"} for number in self.case.get("partitions", [])]
            facts = {"path": last, "size": 10737418240, "serial": None, "model": None}
            if "NAME" not in command[command.index("-o") + 1].split(","):
                return json.dumps({"blockdevices": [facts, *children]})  # a list: as lsblk does it
            return json.dumps({"blockdevices": [{**facts, **({"children": children} if children else {})}]})
        if program == "findmnt" and "SOURCE" in command:
            return f"{self.disk}\n" if self.case.get("mounted") else "/dev/vda\n"
        if program == "findmnt":
            found = {"source": f"{self.disk}3", "fstype": "ext4", "options": "rw", "uuid": "1111-root"}
            found |= self.case.get("root", {})
            return json.dumps({"filesystems": [found]})
        if program == "sfdisk" and "-J" in command:
            return json.dumps({"partitiontable": {"partitions": self.table()}})
        if program == "mount" and last.endswith("boot/efi"):
            os.rmdir(last)
            os.symlink(self.esp, last)
        if program == "umount" and last.endswith("boot/efi"):
            os.unlink(last)
            os.mkdir(last)
        if program == "fstrim":
            return ".: 8.7 GiB (9343033344 bytes) trimmed\n"
        if program == "grub-mkimage":
            with open(command[command.index("-o") + 1], "wb") as stream:
                stream.write(b"core" * 512)
        return ""

    def ostree(self, *args: str) -> str:
        self.commands.append(" ".join(("ostree", *args)))
        folder = next((word.partition("=")[2] for word in args if word.startswith("--sysroot=")), args[-1])
        if args[:2] == ("admin", "init-fs"):
            os.makedirs(os.path.join(folder, "ostree/repo"))
        if args[:2] == ("admin", "os-init"):
            os.makedirs(os.path.join(folder, "ostree/deploy", args[-1]))
        if args[:2] == ("admin", "deploy"):
            if self.case.get("deploy"):
                raise BootcError(self.case["deploy"])
            self.kargs = [word.partition("=")[2] for word in args if word.startswith("--karg-append=")]
            self.check_out(os.path.join(folder, "ostree/deploy/default/deploy", f"{COMMIT}.0"))
            draft = next(word.partition("=")[2] for word in args if word.startswith("--origin-file="))
            shutil.copy(draft, os.path.join(folder, "ostree/deploy/default/deploy", f"{COMMIT}.0.origin"))
        return ""

    def check_out(self, folder: str) -> None:
        """What the image has of a boot loader."""
        files = {"etc/hostname": "x"}
        if self.case.get("payload", True):
            meta = '{"timestamp":"2026-01-01T00:00:00Z","version":"grub2-2.14-4","versions":[]}'
            files |= {
                "usr/lib/bootupd/updates/EFI.json": meta, "usr/lib/bootupd/updates/BIOS.json": meta,
                "usr/lib/efi/grub2/2.14-4/EFI/BOOT/BOOTX64.EFI": "efi", "usr/lib/efi/README": "not for the ESP",
                "usr/lib/bootupd/grub2-static/grub-static-pre.cfg": "blscfg\n",
                "usr/lib/bootupd/grub2-static/configs.d/10-more.cfg": "# more\n",
                "usr/lib/bootupd/grub2-static/grub-static-efi.cfg": "configfile\n",
                "usr/lib/grub/i386-pc/boot.img": "b" * 512, "usr/lib/grub/i386-pc/static-modules": "ext2 normal\n",
            }  # fmt: skip
        for name, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
                stream.write(text)
        os.symlink("var/roothome", os.path.join(folder, "root"))

    def image(self) -> RemoteImage:
        layers = [{"digest": f"sha256:{name * 64}", "size": size} for name, size in zip("abcd", (200_000_000, 64_000_000, 512_000, 2_000))]
        labels = {"containers.bootc": "1", "org.opencontainers.image.version": "2026.1"}
        config = json.dumps({"created": "2026-01-01T00:00:00Z", "config": {"Labels": labels}})
        return RemoteImage(0, f"sha256:{'e' * 64}", json.dumps({"layers": layers}), config)

    def made(self) -> dict:
        """What lies on the target and on the ESP, and the first bytes of the disk."""
        found = {}
        for base in (self.target, os.path.join(self.root, "mounts/rootfs"), self.esp):
            for folder, _folders, names in os.walk(base):
                for name in names:
                    path = os.path.join(folder, name)
                    if os.path.islink(path):
                        continue
                    with open(path, encoding="utf-8", errors="replace") as stream:
                        found[path.replace(self.root, "").replace(COMMIT, "COMMIT")] = stream.read()
        with open(self.disk, "rb") as stream:
            boot = stream.read(1 << 21)
        return {"files": found, "boot": boot[:0x68].hex(), "core": boot[1 << 20 : (1 << 20) + 512].hex()}


def play(case: dict) -> dict:
    world = World(case)
    blockdev.subprocess = types.SimpleNamespace(run=world.run, DEVNULL=-3)
    bootloader.subprocess = types.SimpleNamespace(run=world.run)
    deploy.run_ostree = world.ostree
    install.open_source = lambda _reference: contextlib.nullcontext()
    install.open_remote = lambda _reader, _reference: world.image()
    install.missing_layers = lambda _sysroot, image: image.layers
    install.image_kargs = lambda _sysroot, _commit: ["shipped=1"]
    install.import_image = lambda *_args, **_options: COMMIT
    install.check_space = lambda *_args: None
    install_config._BASES = (os.path.join(world.root, "config"),)
    deploy._PREPARE_ROOT = (os.path.join(world.root, "prepare-root.conf"),)
    install_targets._MOUNTS = os.path.join(world.root, "mounts")
    install_targets.stat = types.SimpleNamespace(S_ISBLK=install_stat.S_ISREG, S_ISDIR=install_stat.S_ISDIR)
    install_targets.shutil = types.SimpleNamespace(which=lambda name: name if name in case.get("programs", ["mkfs.ext4"]) else None)
    os.path.ismount = lambda path: path == world.target and not case.get("unmounted") or real_ismount(path)
    os.path.isdir = lambda path: case.get("efi", False) if path == "/sys/firmware/efi" else real_isdir(path)
    host.require_root = lambda: None
    host.leave_mount_namespace = lambda: None
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    words = [word.replace("{root}", world.root) for word in case["run"]]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = cli.main(words)
        said = out.buffer.getvalue().decode().replace(world.root, "")
        return {"exitCode": code, "said": said, "commands": world.commands, "kargs": world.kargs, **world.made()}
    finally:
        os.path.isdir, os.path.ismount = real_isdir, real_ismount
        shutil.rmtree(world.root)


import stat as install_stat  # noqa: E402

for line in sys.stdin:
    print(json.dumps(play(json.loads(line))), flush=True)
