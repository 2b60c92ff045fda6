"""Block devices for an installer: what is on a disk, new partitions, file systems, mounts (bootc-dev/bootc, `install/baseline.rs`)."""
import json
import os
import subprocess
import uuid
from collections import namedtuple

from .errors import BootcError, context, os_error
from .words import human_size

ESP_TYPE = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
BIOS_BOOT_TYPE = "21686148-6449-6e6f-744e-656564454649"
# Discoverable Partitions Specification: the root file system of this architecture.
_ROOT_TYPES = {
    "x86_64": "4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "aarch64": "b921b045-1df0-41c3-af44-4c6f280d3fae",
}  # fmt: skip
_ESP_MIB = 512
_COLUMNS = "NAME,PATH,SIZE,SERIAL,MODEL"  # lsblk makes a tree only where NAME is among them

Layout = namedtuple("Layout", "root esp")


def run_task(words: str | None, *command: str, stdin: str | None = None, quiet: bool = True, cwd: str | None = None) -> None:
    """Runs a program of the system; says what it is for first. Its own errors go to stderr, as bootc lets them."""
    if words is not None:
        print(words, flush=True)
    out = subprocess.DEVNULL if quiet else None
    try:
        done = subprocess.run(command, input=stdin, text=True, stdout=out, cwd=cwd, check=False)
    except OSError as error:
        raise BootcError(f"Task {words or command[0]} failed: {command[0]}: {os_error(error)}") from error
    if done.returncode != 0:
        raise BootcError(f"Task {words or command[0]} failed: ExitStatus(unix_wait_status({done.returncode << 8}))")


def read_command(*command: str) -> str:
    """The stdout of a program that only looks."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BootcError(f"Failed to run {command[0]}: {os_error(error)}") from error
    if done.returncode != 0:
        raise BootcError(f"Failed to run {' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def list_device(path: str) -> dict:
    """A device as lsblk sees it, with its partitions as `children`."""
    return json.loads(read_command("lsblk", "-J", "-b", "-p", "-o", _COLUMNS, path))["blockdevices"][0]


def parse_size_mib(text: str) -> int:
    """`--root-size`: mebibytes, or with M, G or T."""
    digits, unit = text.rstrip("MGT"), text[len(text.rstrip("MGT")) :]
    factor = {"": 1, "M": 1, "G": 1024, "T": 1024 * 1024}.get(unit)
    if factor is None or not digits.isascii() or not digits.isdigit():
        raise BootcError("invalid digit found in string" if digits else "cannot parse integer from empty string")
    return int(digits) * factor


def refuse_or_wipe(device: dict, given: str, wipe: bool) -> None:
    """A mounted disk is never touched; one with partitions only with `--wipe`."""
    if device["path"] in read_command("findmnt", "-n", "-r", "-o", "SOURCE").split():
        raise BootcError(f"Device {device['path']} is mounted")
    children = [child["path"] for child in device.get("children", [])]
    if not wipe:
        if children:
            raise BootcError(
                f"Detected existing partitions on {given}; use e.g. `wipefs` or --wipe if you intend to overwrite"
            )
        return
    for path in [*children, given]:
        print(f"Wiping {path}")
        run_task(f"Wiping device {path}", "wipefs", "-a", path)


def describe(device: dict, setup: str) -> None:
    print(
        f"Block setup: {setup}\n       Size: {device['size']}\n"
        f"     Serial: {device['serial'] or '<unknown>'}\n      Model: {device['model'] or '<unknown>'}",
        flush=True,
    )


def _partition_table(root_size: str | None) -> str:
    machine = os.uname().machine
    lines = ["label: gpt", f"label-id: {uuid.uuid4()}"]
    if machine == "x86_64":
        lines.append(f'size=1MiB, bootable, type={BIOS_BOOT_TYPE}, name="BIOS-BOOT"')
    lines.append(f'size={_ESP_MIB}MiB, type={ESP_TYPE}, name="EFI-SYSTEM"')
    with context("Parsing root size"):
        size = f"size={parse_size_mib(root_size)}MiB, " if root_size is not None else ""
    lines.append(f'{size}type={_ROOT_TYPES[machine]}, name="root"')
    return "\n".join(lines) + "\n"


def partition(device: str, root_size: str | None) -> Layout:
    """Makes the partition table of a bootc disk. Returns the paths of its root and EFI system partition."""
    table = _partition_table(root_size)
    with context("Failed to run sfdisk"):
        # stdout would repeat the table.
        run_task("Initializing partitions", "sfdisk", "--wipe=always", device, stdin=table)
    run_task(None, "udevadm", "settle")
    nodes = [entry["node"] for entry in partitions_of(device)]
    return Layout(nodes[-1], nodes[-2])


def partitions_of(disk: str) -> list[dict]:
    """The partition table itself (`node`, `start` and `size` in sectors, `type`); what udev knows of it comes late."""
    return json.loads(read_command("sfdisk", "-J", disk))["partitiontable"]["partitions"]


def partition_of_type(disk: str, kind: str) -> dict | None:
    """The first partition of a type (a GUID in small letters), or None."""
    return next((entry for entry in partitions_of(disk) if entry["type"].lower() == kind), None)


def make_root(device: str, kind: str, wipe: bool) -> str:
    """Makes the root file system and returns its UUID."""
    identifier = str(uuid.uuid4())
    size = human_size(list_device(device)["size"])
    options = {"ext4": ["-U", identifier, "-O", "verity"], "btrfs": ["-U", identifier]}.get(kind)
    if options is None:
        options = [*(["-f"] if wipe else []), "-m", f"uuid={identifier}"]
    words = f"Creating root filesystem ({kind}) on device {device} (size={size})"
    run_task(words, f"mkfs.{kind}", *options, "-L", "root", device)
    return identifier


def make_esp(device: str) -> None:
    run_task("Creating ESP filesystem", "mkfs.fat", device, "-n", "EFI-SYSTEM")


def mount(device: str, target: str, *options: str) -> None:
    os.makedirs(target, exist_ok=True)
    try:
        read_command("mount", *options, device, target)
    except BootcError as error:
        raise BootcError(f"Mounting {device}: {error}") from error


def file_system_at(path: str) -> dict:
    """What is mounted at a path: source, uuid, fstype, options."""
    found = read_command("findmnt", "-J", "-v", "-o", "SOURCE,FSTYPE,OPTIONS,UUID", "--mountpoint", path)
    return json.loads(found)["filesystems"][0]


def disk_of(device: str) -> str:
    """The whole disk that a device lies on, through partitions and encryption; the device itself where there is none below it."""
    found = json.loads(read_command("lsblk", "-J", "-p", "-s", "-o", "NAME,TYPE", device))["blockdevices"][0]
    while parents := found.get("children", []):
        if len(parents) > 1:
            names = " and ".join(parent["name"] for parent in parents[:2])
            raise BootcError(f"Found multiple parent devices {names}; not currently supported")
        found = parents[0]
    return found["name"]


def finalize(name: str, root: str) -> None:
    """Trims and flushes a file system and leaves it read-only, so that its first boot finds a clean journal."""
    run_task(f"Trimming {name}", "fstrim", "--quiet-unsupported", "-v", ".", quiet=False, cwd=root)
    run_task(f"Finalizing filesystem {name}", "mount", "-o", "remount,ro", ".", cwd=root)
    for flag in ("-f", "-u"):
        run_task(None, "fsfreeze", flag, ".", cwd=root)
