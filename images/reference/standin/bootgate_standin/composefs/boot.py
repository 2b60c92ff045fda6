"""Boot entries of the composefs backend with systemd-boot: Type #1 files on the ESP, a kernel and initramfs for each that differs.

Names and order of fields as bootc 1.16.9 wrote them; what happens to them follows bootc-dev/bootc,
`crates/lib/src/bootc_composefs/boot.rs` and `rollback.rs`.
"""
import hashlib
import os
import re
import shutil

from ..errors import BootcError, os_error
from .repo import Repository
from .tree import Node, lookup

PREFIX = "bootc_composefs-"
_LINUX = "EFI/Linux"
_FIELDS = ("title", "version", "linux", "initrd", "efi", "options", "sort-key")
_DIGEST = re.compile(r"(?:^|\s)composefs=(\??)([0-9a-f]{128})(?=\s|$)")
PRIMARY, SECONDARY = "0", "1"


class Entry(dict):
    """One entry: its fields."""

    @property
    def verity(self) -> str:
        """The digest of the image that it boots."""
        found = _DIGEST.search(self.get("options", ""))
        if found is None:
            raise BootcError("composefs param not found in cmdline")
        return found[2]

    @property
    def folder(self) -> str:
        """The folder of its kernel below EFI/Linux."""
        return self["linux"].split("/")[-2]

    def text(self) -> str:
        return "".join(f"{key} {self[key]}\n" for key in _FIELDS if key in self)

    def file_name(self, system: str, priority: str) -> str:
        """GRUB takes the last part for a release and shows the highest first, so it is the other way round than the sort key."""
        release = {PRIMARY: "1", SECONDARY: "0"}[priority]
        return f"bootc_{system.replace('-', '_')}-{self['version']}-{release}.conf"


def parse_entry(text: str) -> Entry:
    entry = Entry()
    for line in text.splitlines():
        key, _, value = line.strip().partition(" ")
        if key and not key.startswith("#"):
            entry[key] = value.strip()
    return entry


def entries_in(esp: str, folder: str = "entries") -> list[Entry]:
    """The entries of a folder below loader/, as systemd-boot sorts them; none where it is not there."""
    path = os.path.join(esp, "loader", folder)
    found = []
    for name in os.listdir(path) if os.path.isdir(path) else []:
        if name.endswith(".conf"):
            with open(os.path.join(path, name), encoding="utf-8") as stream:
                found.append(parse_entry(stream.read()))
    return sorted(found, key=lambda entry: (entry.get("sort-key", ""), entry.get("version", "")))


def sort_key(system: str, priority: str) -> str:
    return f"bootc-{system}-{priority}"


def os_release(repo: Repository, root: Node) -> dict[str, str]:
    """/usr/lib/os-release of an image."""
    node = lookup(root, b"usr/lib/os-release")
    found = {}
    for line in repo.content(node).decode().splitlines() if node is not None else []:
        key, equals, value = line.partition("=")
        if equals:
            found[key] = value.strip("\"'")
    return found


def kernel_of(repo: Repository, root: Node) -> tuple[bytes, bytes]:
    """Kernel and initramfs of an image."""
    modules = lookup(root, b"usr/lib/modules")
    for name in sorted(modules.children) if modules is not None else []:
        kernel = lookup(modules, name + b"/vmlinuz")
        if kernel is None:
            continue
        initramfs = lookup(modules, name + b"/initramfs.img")
        if initramfs is None:
            raise BootcError("initramfs not found")
        return repo.content(kernel), repo.content(initramfs)
    raise BootcError("No boot entries!")


def boot_digest(kernel: bytes, initramfs: bytes) -> str:
    return hashlib.sha256(kernel + initramfs).hexdigest()


def folder_with(esp: str, digest: str) -> str | None:
    """The folder below EFI/Linux that has this kernel and initramfs already."""
    base = os.path.join(esp, _LINUX)
    for name in sorted(os.listdir(base)) if os.path.isdir(base) else []:
        if name.startswith(PREFIX):
            names = [os.path.join(base, name, part) for part in ("vmlinuz", "initrd")]
            if all(os.path.exists(path) for path in names) and boot_digest(*map(_read, names)) == digest:
                return name
    return None


def write_kernel(esp: str, folder: str, kernel: bytes, initramfs: bytes) -> None:
    path = os.path.join(esp, _LINUX, folder)
    os.makedirs(path, exist_ok=True)
    for name, data in (("vmlinuz", kernel), ("initrd", initramfs)):
        _write(os.path.join(path, name), data)


def new_entry(release: dict[str, str], verity: str, folder: str, options: str) -> Entry:
    """The entry of a new deployment, before any other."""
    system = release.get("ID", "bootc")
    path = f"/{_LINUX}/{folder}"
    return Entry({
        "title": release.get("PRETTY_NAME", verity),
        "version": release.get("VERSION", verity),
        "linux": f"{path}/vmlinuz",
        "initrd": f"{path}/initrd",
        "options": options,
        "sort-key": sort_key(system, PRIMARY),
    })  # fmt: skip


def write_entries(esp: str, folder: str, named: list[tuple[str, Entry]]) -> None:
    """Writes entries by name into a folder of its own below loader/, in place of what was in it."""
    path = os.path.join(esp, "loader", folder)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    for name, entry in named:
        _write(os.path.join(path, name), entry.text().encode())


def exchange_staged(esp: str) -> None:
    """The staged entries become those that are booted, in one step."""
    loader = os.path.join(esp, "loader")
    _exchange(os.path.join(loader, "entries.staged"), os.path.join(loader, "entries"))
    shutil.rmtree(os.path.join(loader, "entries.staged"))
    os.sync()


def _exchange(one: str, other: str) -> None:
    import ctypes  # costs time, and only who exchanges entries needs it

    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(here, os.fsencode(one), here, os.fsencode(other), exchange) != 0:
        error = OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        raise BootcError(f"renameat: {os_error(error)}")


def drop_staged(esp: str) -> None:
    shutil.rmtree(os.path.join(esp, "loader/entries.staged"), ignore_errors=True)


def remove_unused_kernels(esp: str) -> None:
    used = {entry.folder for folder in ("entries", "entries.staged") for entry in entries_in(esp, folder)}
    base = os.path.join(esp, _LINUX)
    for name in os.listdir(base):
        if name.startswith(PREFIX) and name not in used:
            shutil.rmtree(os.path.join(base, name))


def _read(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def _write(path: str, data: bytes) -> None:
    with open(f"{path}.new", "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(f"{path}.new", path)
