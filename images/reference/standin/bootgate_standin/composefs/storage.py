"""Where a host of the composefs backend keeps things: the physical root, the ESP, the note of what is staged."""
import glob
import json
import os
import re
import subprocess
from collections import namedtuple

from ..errors import BootcError, os_error
from ..host import leave_mount_namespace
from ..imgref import ImageReference
from ..ostree import parse_keyfile
from .repo import Repository

STAGED = "/run/composefs/staged-deployment"
_ESP_TYPE = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
_ESP_POINT = "/run/bootgate-standin/esp"
_LOADER_INFO = "/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_ARGUMENT = re.compile(r"(?:^|\s)composefs=(\??)([0-9a-f]{128})(?=\s|$)")

# What booted: digest of the image, and whether it and its objects may be without fs-verity.
Booted = namedtuple("Booted", "digest insecure")
Staged = namedtuple("Staged", "digest locked")


def mounts() -> list[tuple[str, str, str]]:
    """Device numbers, mount point and source of every mount, in their order."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8") as stream:
        for line in stream:
            before, _, after = line.partition(" - ")
            fields = before.split(" ")
            found.append((fields[2], fields[4], after.split(" ")[1]))
    return found


def find_booted() -> Booted | None:
    """The image that this system booted by the composefs backend, or None. The root's source tells (`status.rs`)."""
    with open("/proc/cmdline", encoding="utf-8") as stream:
        told = _ARGUMENT.search(stream.read())
    if told is None:
        return None
    source = next((source for _device, point, source in reversed(mounts()) if point == "/"), "")
    digest = source.removeprefix("transient:composefs=").removeprefix("composefs:")
    if digest == source:
        raise BootcError(f"Root not mounted using composefs (source: {source})")
    return Booted(digest, told[1] == "?")


def bootloader() -> str:
    """What started this system, by the variable that it left (Boot Loader Interface)."""
    try:
        with open(_LOADER_INFO, "rb") as stream:
            name = stream.read()[4:].decode("utf-16-le", errors="replace")
    except OSError:
        return "grub"
    return "systemd" if "systemd-boot" in name.lower() else "grub"


def _esp_beside(device: str) -> str:
    """The EFI system partition of the disk that a partition lies on, as udev knows it."""
    for path in glob.glob(f"/sys/dev/block/{device}/../*/dev"):
        with open(path, encoding="ascii") as stream:
            number = stream.read().strip()
        try:
            with open(f"/run/udev/data/b{number}", encoding="utf-8", errors="replace") as stream:
                if f"E:ID_PART_ENTRY_TYPE={_ESP_TYPE}\n" in stream.read():
                    return f"/dev/{os.path.basename(os.path.dirname(path))}"
        except FileNotFoundError:
            continue
    raise BootcError("ESP not found")


class Storage:
    """An opened host or target: `root` is the physical root, `esp` a folder where the ESP is mounted."""

    def __init__(self, root: str, esp: str, insecure: bool) -> None:
        self.root, self.esp = root, esp
        self.repo = Repository(os.path.join(root, "composefs"), insecure)

    def state(self, digest: str) -> str:
        return os.path.join(self.root, "state/deploy", digest)

    def origin(self, digest: str) -> dict:
        """The origin of a deployment: section -> key -> value."""
        try:
            with open(os.path.join(self.state(digest), f"{digest}.origin"), encoding="utf-8") as stream:
                return parse_keyfile(stream.read())
        except FileNotFoundError:
            raise BootcError(f"No origin file for deployment {digest}") from None

    def write_origin(self, digest: str, reference: ImageReference, boot: str, manifest: str) -> None:
        text = (
            f"[origin]\ncontainer-image-reference = ostree-unverified-image:{reference.skopeo()}\n"
            f"[boot]\nboot_type = bls\ndigest = {boot}\n[image]\nmanifest_digest = {manifest}\n"
        )
        path = os.path.join(self.state(digest), f"{digest}.origin")
        with open(f"{path}.new", "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(f"{path}.new", path)

    def manifest_digest(self, digest: str) -> str:
        return self.origin(digest)["image"]["manifest_digest"]

    def deployed(self) -> list[str]:
        path = os.path.join(self.root, "state/deploy")
        return sorted(name for name in os.listdir(path) if os.path.isdir(os.path.join(path, name)))


def open_host(booted: Booted, writable: bool) -> Storage:
    """The storage of the running system, mounted for this process only."""
    leave_mount_namespace()
    if writable:
        subprocess.run(["mount", "-o", "remount,rw", "/sysroot"], check=True)
    device = next((device for device, point, _source in mounts() if point == "/sysroot"), None)
    if device is None:
        raise BootcError("/sysroot is not mounted")
    os.makedirs(_ESP_POINT, exist_ok=True)
    done = subprocess.run(["mount", "-t", "vfat", "-o", "umask=0077", _esp_beside(device), _ESP_POINT], check=False)
    if done.returncode != 0:
        raise BootcError("Mounting ESP failed")
    return Storage("/sysroot", _ESP_POINT, booted.insecure)


def find_staged() -> Staged | None:
    try:
        with open(STAGED, encoding="utf-8") as stream:
            noted = json.load(stream)
    except FileNotFoundError:
        return None
    return Staged(noted["depl_id"], noted["finalization_locked"])


def note_staged(staged: Staged) -> None:
    try:
        os.makedirs(os.path.dirname(STAGED), exist_ok=True)
        with open(f"{STAGED}.new", "w", encoding="utf-8") as stream:
            json.dump({"depl_id": staged.digest, "finalization_locked": staged.locked}, stream, separators=(",", ":"))
        os.replace(f"{STAGED}.new", STAGED)
    except OSError as error:
        raise BootcError(f"Writing to staged-deployment: {os_error(error)}") from error


def forget_staged() -> None:
    if os.path.exists(STAGED):
        os.unlink(STAGED)
