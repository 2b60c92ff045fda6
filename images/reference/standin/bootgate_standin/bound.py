"""Images that a system is bound to (bootc-dev/bootc, `boundimage.rs` and `podstorage.rs`): real podman pulls them into a storage of
bootc's own before an update is staged, and removes those that no deployment is bound to any more."""
import contextlib
import json
import os
import posixpath
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

from .errors import BootcError, context, os_error
from .ostree import Sysroot, parse_keyfile, run_ostree

FOLDER = "/usr/lib/bootc/bound-images.d"
STORAGE = "/sysroot/ostree/bootc/storage"
# podman writes the path of its storage into the storage, so it must be the same in an installer, and not below /sysroot.
_ALIAS = "/run/bootc/storage"
_AUTH_FILES = ("/run/ostree/auth.json", "/etc/ostree/auth.json", "/usr/lib/ostree/auth.json")
_SECTIONS = {".image": "Image", ".container": "Container"}
_LISTED = re.compile(r"(?P<kind>.)\d+ \d+ \d+ +\d+ (?P<path>/.*?)(?: -> (?P<target>.*))?")


def _list(sysroot: Sysroot, commit: str, path: str) -> list[re.Match]:
    listing = run_ostree(f"--repo={sysroot.repo}", "ls", commit, path)
    return [hit for hit in map(_LISTED.fullmatch, listing.splitlines()) if hit is not None]


def _read(sysroot: Sysroot, commit: str, path: str) -> str:
    """The text of a file of the image, through links, which do not lead out of it."""
    for _step in range(40):
        found = _list(sysroot, commit, path)[0]
        if found["kind"] != "l":
            return run_ostree(f"--repo={sysroot.repo}", "cat", commit, path)
        path = posixpath.normpath(posixpath.join("/", posixpath.dirname(path), found["target"]))
    raise BootcError("Too many levels of symbolic links (os error 40)")


def _plain(value: str) -> str:
    """A value of systemd's with its `%%`; its specifiers are refused."""
    for hit in re.finditer(r"%(.?)", value):
        if hit[1] == "":
            raise BootcError("Invalid image value: Unterminated %")
        if hit[1] != "%":
            raise BootcError(
                f"Invalid image value: Systemd specifiers are not supported by bound bootc images: {value}"
            )
    return value.replace("%%", "%")


def _image_of(name: str, text: str) -> str:
    ending = posixpath.splitext(name)[1]
    if ending not in _SECTIONS:
        raise BootcError(f"Invalid file extension: {name}")
    with context(f"Parsing {FOLDER[1:]}/{name}"):
        section = parse_keyfile(text).get(_SECTIONS[ending], {})
        if "Image" not in section:
            raise BootcError("Missing Image field")
        if ending == ".image" and "AuthFile" in section:
            raise BootcError("AuthFile is not supported by bound bootc images")
        return _plain(section["Image"])


def bound_images(sysroot: Sysroot, commit: str) -> list[str]:
    """The references that an image is bound to. Raises BootcError for what bootc refuses."""
    with context("Querying bound images"):
        try:
            entries = _list(sysroot, commit, FOLDER)
        except BootcError:
            return []
        images = []
        for entry in entries:
            if entry["path"] == FOLDER:
                continue
            name = posixpath.basename(entry["path"])
            if entry["kind"] != "l":
                raise BootcError(f"Not a symlink: {name}")
            images.append(_image_of(name, _read(sysroot, commit, entry["path"])))
        return images


class _Storage:
    """podman on bootc's storage, which is seen at its alias by this process and its children only."""

    def __init__(self, folder: str, auth: str) -> None:
        os.makedirs(_ALIAS, exist_ok=True)
        # What is mounted over it is the storage; the folder itself has what lives for this boot.
        self._run = os.open(_ALIAS, os.O_RDONLY | os.O_DIRECTORY)
        subprocess.run(["mount", "--bind", folder, _ALIAS], check=True)
        self._env = {**os.environ, "REGISTRY_AUTH_FILE": auth}

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", _ALIAS], check=True)
        os.close(self._run)

    def podman(self, *words: str) -> subprocess.CompletedProcess:
        command = ["podman", "--root", _ALIAS, "--runroot", f"/proc/self/fd/{self._run}", *words]
        return subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=self._env, pass_fds=[self._run],
            check=False,
        )  # fmt: skip

    def demand(self, *words: str) -> str:
        done = self.podman(*words)
        if done.returncode != 0:
            raise BootcError(f"Subprocess failed: exit status: {done.returncode}\n{done.stderr.strip()}")
        return done.stdout


@contextlib.contextmanager
def _opened(folder: str) -> Iterator[_Storage]:
    auth = next((path for path in _AUTH_FILES if os.path.exists(path)), None)
    with tempfile.NamedTemporaryFile("w") as empty:
        # Without it podman would look for what some user may have.
        empty.write("{}")
        empty.flush()
        storage = _Storage(folder, auth or empty.name)
        try:
            yield storage
        finally:
            storage.close()


def _ensure_storage() -> None:
    """Makes the storage where it is not there: whole or not at all."""
    if os.path.isdir(STORAGE):
        return
    with context("Creating imgstorage"), context("Initializing images"):
        draft = f"{STORAGE}.tmp"
        shutil.rmtree(draft, ignore_errors=True)
        os.makedirs(draft)
        try:
            with _opened(draft) as storage:
                storage.demand("images")
        except OSError as error:
            raise BootcError(os_error(error)) from error
        os.rename(draft, STORAGE)


def pull_bound(sysroot: Sysroot, commit: str) -> None:
    """Pulls what an image is bound to and is not there. Before the image is staged, as bootc does since bootc-dev/bootc#2290."""
    images = bound_images(sysroot, commit)
    if not images and shutil.which("podman") is None:
        return
    with context("Pulling bound images"):
        _ensure_storage()
        if not images:
            return
        with context("Pulling bound images"), _opened(STORAGE) as storage:
            for image in images:
                if storage.podman("image", "exists", image).returncode == 0:
                    continue
                with context("Failed to pull image"):
                    storage.demand("image", "pull", image)
        print(f"Bound images stored: {len(images)}", flush=True)


def prune_bound(sysroot: Sysroot) -> None:
    """Removes the images that no deployment is bound to. To be called when the new one is among them."""
    if not os.path.isdir(STORAGE):
        return
    wanted = {image for entry in sysroot.deployments() for image in bound_images(sysroot, entry.checksum)}
    with context("Pruning"), _opened(STORAGE) as storage:
        listed = json.loads(storage.demand("image", "list", "--format=json") or "[]")
        garbage = [entry["Id"] for entry in listed if not wanted.intersection(entry.get("Names") or [])]
        if garbage:
            storage.demand("image", "rm", *garbage)
