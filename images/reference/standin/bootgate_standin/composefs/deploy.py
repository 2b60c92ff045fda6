"""A pulled image becomes a deployment: its EROFS image, its kernel and boot entry on the ESP, its state with /etc and /var."""
import os
import shutil
from collections import namedtuple

from ..imgref import ImageReference
from ..kargs import arguments
from . import boot, etc
from .repo import Repository
from .storage import Storage
from .tree import Node, lookup

_KARGS = b"usr/lib/bootc/kargs.d"

# An image that lies in the repository: its digest, its tree, the digest of its manifest.
Deployable = namedtuple("Deployable", "digest root manifest")


def image_kargs(repo: Repository, root: Node) -> list[str]:
    """The kernel arguments that an image ships, in the order of its files' names."""
    folder = lookup(root, _KARGS)
    found = []
    for name in sorted(folder.children) if folder is not None else []:
        if name.endswith(b".toml"):
            found += arguments(name.decode(), repo.content(folder.children[name]).decode())
    return found


def place_kernel(storage: Storage, image: Deployable) -> tuple[str, str]:
    """Writes kernel and initramfs to the ESP where they are not there yet. Returns their digest and folder."""
    kernel, initramfs = boot.kernel_of(storage.repo, image.root)
    digest = boot.boot_digest(kernel, initramfs)
    folder = boot.folder_with(storage.esp, digest)
    if folder is None:
        folder = f"{boot.PREFIX}{image.digest}"
        boot.write_kernel(storage.esp, folder, kernel, initramfs)
    return digest, folder


def write_state(storage: Storage, image: Deployable, reference: ImageReference, boot_digest: str, first: bool) -> str:
    """Makes the state of a deployment; `first` also fills /var from the image. Returns its folder."""
    path = storage.state(image.digest)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    shared = os.path.join(storage.root, "state/os/default/var")
    os.makedirs(shared, exist_ok=True)
    os.symlink("../../os/default/var", os.path.join(path, "var"))
    if first:
        etc.write_tree(storage.repo, lookup(image.root, b"var") or Node("d", 0o755), os.fsencode(shared))
    own = os.path.join(path, "etc")
    etc.write_tree(storage.repo, lookup(image.root, b"etc") or Node("d", 0o755), os.fsencode(own))
    if os.path.exists(os.path.join(own, ".updated")):
        os.unlink(os.path.join(own, ".updated"))
    storage.write_origin(image.digest, reference, boot_digest, image.manifest)
    return path
