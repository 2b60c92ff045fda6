"""What the stand-in knows of ostree: deployments, origins and commit metadata, read with as few processes as possible."""
import json
import os
import re
import subprocess
from collections import namedtuple

from .errors import BootcError
from .gvariant import parse_commit_metadata

BLOB_PREFIX = "ostree/container/blob/"
IMAGE_PREFIX = "ostree/container/image/"
KARGS_FOLDER = "usr/lib/bootc/kargs.d"


def run_ostree(*args: str, **options) -> str:
    """Runs ostree and returns its stdout; its error text becomes ours."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["ostree", *args], capture_output=True, text=True, env=environment, check=False, **options)
    if done.returncode != 0:
        raise BootcError(done.stderr.strip().removeprefix("error: ") or f"ostree {args[0]} failed")
    return done.stdout


def escape_ref(text: str) -> str:
    """A name as a valid ostree ref: every other character as `_HEX_`, a doubled slash too."""
    escaped = re.sub(r"[^A-Za-z0-9/.\-_]", lambda hit: f"_{ord(hit[0]):02X}_", text.replace("_", "__"))
    return escaped.replace("//", "/_2F_")


_FIELDS = "checksum serial stateroot index booted staged pinned locked unlocked origin metadata"


class Deployment(namedtuple("Deployment", _FIELDS)):
    """One deployment of the sysroot. `origin` is section -> key -> value, `metadata` is that of the commit."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return f"{self.checksum}.{self.serial}"

    @property
    def layered(self) -> bool:
        """True when rpm-ostree changed the image; bootc then refuses to touch it."""
        return any(group in self.origin for group in ("rpmostree", "packages", "overrides", "modules"))

    @property
    def reference(self) -> str | None:
        return self.origin.get("origin", {}).get("container-image-reference")

    @property
    def digest(self) -> str | None:
        return self.metadata.get("ostree.manifest-digest")


def parse_keyfile(text: str) -> dict:
    """A GKeyFile as nested dictionaries."""
    groups: dict = {}
    current: dict = {}
    for line in text.splitlines():
        if line.startswith("[") and line.rstrip().endswith("]"):
            current = groups.setdefault(line.strip()[1:-1], {})
        elif "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            current[key.strip()] = value.strip()
    return groups


class Sysroot:
    """A sysroot: `/` of a booted host, or a folder that is being installed into."""

    def __init__(self, path: str = "/") -> None:
        self.path = path
        self.repo = os.path.join(path, "ostree/repo") if path != "/" else "/sysroot/ostree/repo"

    def ref_exists(self, ref: str) -> bool:
        return os.path.exists(os.path.join(self.repo, "refs/heads", ref))

    def ref_commit(self, ref: str) -> str | None:
        """The checksum of the commit that a ref names, or None."""
        try:
            with open(os.path.join(self.repo, "refs/heads", ref), encoding="ascii") as stream:
                return stream.read().strip()
        except FileNotFoundError:
            return None

    def commit_metadata(self, checksum: str) -> dict:
        path = os.path.join(self.repo, "objects", checksum[:2], f"{checksum[2:]}.commit")
        with open(path, "rb") as stream:
            return parse_commit_metadata(stream.read())

    def deployments(self) -> list[Deployment]:
        """All deployments in boot order; a staged one comes first."""
        listed = json.loads(run_ostree("admin", "status", "--json"))["deployments"]
        return [self._deployment(entry) for entry in listed]

    def _deployment(self, entry: dict) -> Deployment:
        name = f"{entry['checksum']}.{entry['serial']}"
        path = os.path.join(self.path, "ostree/deploy", entry["stateroot"], "deploy", f"{name}.origin")
        try:
            with open(path, encoding="utf-8") as stream:
                origin = parse_keyfile(stream.read())
        except FileNotFoundError:
            origin = {}
        return Deployment(
            checksum=entry["checksum"],
            serial=entry["serial"],
            stateroot=entry["stateroot"],
            index=entry["index"],
            booted=entry["booted"],
            staged=entry["staged"],
            pinned=entry["pinned"],
            locked=bool(entry.get("finalization-locked")),
            unlocked=entry.get("unlocked") or "none",
            origin=origin,
            metadata=self.commit_metadata(entry["checksum"]),
        )

    def folder_of(self, deployment: Deployment) -> str:
        """Where a deployment is checked out."""
        return os.path.join(self.path, "ostree/deploy", deployment.stateroot, "deploy", deployment.name)

    def boot_files(self, deployment: Deployment) -> set[tuple[int, int]]:
        """Kernel, initramfs and shipped kernel arguments as inodes: objects are shared, so equal files are the same inode."""
        base = self.folder_of(deployment)
        modules, kargs = os.path.join(base, "usr/lib/modules"), os.path.join(base, KARGS_FOLDER)
        releases = os.listdir(modules) if os.path.isdir(modules) else []
        paths = [os.path.join(modules, release, name) for release in releases for name in ("vmlinuz", "initramfs.img")]
        paths += [os.path.join(kargs, name) for name in (os.listdir(kargs) if os.path.isdir(kargs) else [])]
        found = set()
        for path in paths:
            try:
                facts = os.stat(path)
            except FileNotFoundError:
                continue
            found.add((facts.st_dev, facts.st_ino))
        return found
