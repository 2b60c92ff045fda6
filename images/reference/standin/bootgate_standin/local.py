"""Reads an image from a folder on this machine (`oci:`, `dir:`), without skopeo between: under emulation that halves an import.

Whatever is unusual is left to skopeo, so that it is skopeo that says what is wrong with it. Every digest is checked.
"""
import hashlib
import json
import os

from .blob import Blob, read_blob
from .imgref import ImageReference
from .proxy import ImageProxy

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_NAME = "org.opencontainers.image.ref.name"


class LocalImage:
    """An image in a folder, read as an ImageProxy would read it; use as a context manager."""

    def __init__(self, manifest: bytes, blobs: str, name_of) -> None:
        self._manifest, self._blobs, self._name_of = manifest, blobs, name_of

    def __enter__(self) -> "LocalImage":
        return self

    def __exit__(self, *_unused) -> None:
        return None

    def open_image(self, _reference: str) -> int:
        return 0

    def manifest(self, _image: int) -> tuple[str, bytes]:
        return "sha256:" + hashlib.sha256(self._manifest).hexdigest(), self._manifest

    def blob(self, _image: int, descriptor: dict) -> Blob:
        # A missing file is a corrupted blob, too: an empty stream ends with the wrong size.
        path = os.path.join(self._blobs, self._name_of(descriptor["digest"]))
        return Blob(open(path if os.path.exists(path) else os.devnull, "rb", buffering=0), descriptor)

    def config(self, image: int, descriptor: dict) -> bytes:
        return read_blob(self.blob(image, descriptor))


def _read(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def _of_layout(name: str) -> LocalImage | None:
    folder, _, tag = name.partition(":")
    index = json.loads(_read(os.path.join(folder, "index.json")))
    named = [entry for entry in index["manifests"] if not tag or entry.get("annotations", {}).get(_NAME) == tag]
    if len(named) != 1 or named[0]["mediaType"] != _MANIFEST:
        return None
    digest = named[0]["digest"]
    blobs = os.path.join(folder, "blobs/sha256")
    manifest = _read(os.path.join(blobs, digest.removeprefix("sha256:")))
    if "sha256:" + hashlib.sha256(manifest).hexdigest() != digest:
        return None
    return LocalImage(manifest, blobs, lambda named: named.removeprefix("sha256:"))


def _of_folder(name: str) -> LocalImage | None:
    manifest = _read(os.path.join(name, "manifest.json"))
    if json.loads(manifest).get("mediaType") != _MANIFEST:
        return None
    return LocalImage(manifest, name, lambda named: named.removeprefix("sha256:"))


def open_source(reference: ImageReference) -> LocalImage | ImageProxy:
    """The reader for an image: a folder is read here, everything else (and every odd folder) by skopeo."""
    openers = {"oci": _of_layout, "dir": _of_folder}
    found = None
    try:
        if reference.transport in openers:
            found = openers[reference.transport](reference.image)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        found = None
    return found or ImageProxy()
