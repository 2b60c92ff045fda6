"""The repository in `/composefs`: objects by their fs-verity digest, images, and streams that say what an image is made of.

objects/ab/cdef… has content and EROFS images, images/<digest> points at an image, streams/ has manifests, configurations
and layers. The names are those of composefs-rs (composefs-oci, `src/lib.rs`); a layer's stream is JSON of our own.
"""
import json
import os
import zlib

from ..blob import Blob
from ..errors import BootcError, context, os_error
from ..importer import RemoteImage
from ..layer import unpacked
from . import verity
from .erofs import write_image
from .tree import Node, merge, objects_of, read_layer


class Repository:
    """`insecure` is what `--allow-missing-verity` says: objects need not have fs-verity."""

    def __init__(self, path: str, insecure: bool = False) -> None:
        self.path, self.insecure = path, insecure
        self._drafts = 0

    def init(self) -> None:
        """Makes an empty repository, or takes the one that is there."""
        for name in ("objects", "images", "streams"):
            os.makedirs(os.path.join(self.path, name), exist_ok=True)
        os.chmod(self.path, 0o700)

    def object_path(self, digest: str) -> str:
        return os.path.join(self.path, "objects", digest[:2], digest[2:])

    def _draft(self) -> str:
        self._drafts += 1
        return os.path.join(self.path, "objects", f".draft-{os.getpid()}-{self._drafts}")

    def _keep(self, draft: str) -> str:
        """A finished file becomes an object. Returns its digest."""
        try:
            descriptor = os.open(draft, os.O_RDONLY | os.O_CLOEXEC)
            try:
                digest = verity.measure(descriptor) if verity.enable(descriptor) else None
                if digest is None:
                    if not self.insecure:
                        raise BootcError("Ensuring object: fs-verity is not supported by filesystem")
                    with open(descriptor, "rb", closefd=False) as stream:
                        digest = verity.digest_of(stream.read())
            finally:
                os.close(descriptor)
            path = self.object_path(digest)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if not os.path.exists(path):
                os.rename(draft, path)
            return digest
        finally:
            if os.path.exists(draft):
                os.unlink(draft)

    def add_object(self, data: bytes) -> str:
        draft = self._draft()
        with open(draft, "wb") as stream:
            stream.write(data)
        return self._keep(draft)

    def _add_from(self, reader, size: int) -> str:
        draft = self._draft()
        with open(draft, "wb", buffering=0) as stream:
            reader.pass_on(size, stream.write)
        return self._keep(draft)

    def read_object(self, digest: str) -> bytes:
        return _read(self.object_path(digest))

    def content(self, node: Node) -> bytes:
        """What is in a file of a tree."""
        return node.data if node.object is None else self.read_object(node.object)

    def _stream(self, kind: str, digest: str) -> str:
        return os.path.join(self.path, "streams", f"oci-{kind}-{digest}")

    def has_config(self, digest: str) -> bool:
        """Whether an image was pulled: its configuration is written last."""
        return os.path.exists(self._stream("config", digest))

    def missing_layers(self, image: RemoteImage) -> list[dict]:
        return [layer for layer in image.layers if not os.path.exists(self._stream("layer", layer["digest"]))]

    def pull(self, source, image: RemoteImage) -> None:
        """Takes what is missing of an opened image."""
        try:
            for layer in self.missing_layers(image):
                with context(f"Importing layer {layer['digest']}"):
                    self._import_layer(source, image, layer)
            self._write_stream("manifest", image.digest, image.manifest_text.encode())
            self._write_stream("config", config_digest(image), image.config_text.encode())
        except OSError as error:
            raise BootcError(os_error(error)) from error

    def _import_layer(self, source, image: RemoteImage, layer: dict) -> None:
        blob: Blob
        with source.blob(image.handle, layer) as blob:
            entries = read_layer(unpacked(blob.chunks(), layer["mediaType"]), self._add_from)
            blob.finish()
        self._write_stream("layer", layer["digest"], zlib.compress(json.dumps(entries).encode(), 1))

    def _write_stream(self, kind: str, digest: str, data: bytes) -> None:
        path = self._stream(kind, digest)
        with open(f"{path}.new", "wb") as stream:
            stream.write(data)
        os.replace(f"{path}.new", path)

    def image_texts(self, manifest_digest: str) -> tuple[str, str]:
        """Manifest and configuration of a pulled image."""
        manifest = _read(self._stream("manifest", manifest_digest)).decode()
        config = json.loads(manifest)["config"]["digest"]
        return manifest, _read(self._stream("config", config)).decode()

    def tree(self, manifest_text: str) -> Node:
        """The tree that a pulled image boots as."""
        layers = json.loads(manifest_text)["layers"]
        return merge([self._entries(layer["digest"]) for layer in layers])

    def _entries(self, digest: str) -> list:
        return json.loads(zlib.decompress(_read(self._stream("layer", digest))))

    def commit(self, root: Node) -> str:
        """Writes the image of a tree and returns its digest, which is the deployment's name."""
        digest = self.add_object(write_image(root))
        link = os.path.join(self.path, "images", digest)
        if not os.path.lexists(link):
            os.symlink(f"../objects/{digest[:2]}/{digest[2:]}", link)
        return digest

    def collect(self, images: dict[str, Node], manifests: list[str]) -> None:
        """Removes every image but these, and every object and stream that nothing left needs."""
        wanted = set(images)
        for root in images.values():
            wanted.update(objects_of(root))
        _remove_others(os.path.join(self.path, "images"), set(images))
        for folder in os.scandir(os.path.join(self.path, "objects")):
            if folder.is_dir():
                _remove_others(folder.path, {digest[2:] for digest in wanted if digest[:2] == folder.name})
        kept = set()
        for digest in manifests:
            manifest = json.loads(self.image_texts(digest)[0])
            kept |= {f"oci-manifest-{digest}", f"oci-config-{manifest['config']['digest']}"}
            kept |= {f"oci-layer-{layer['digest']}" for layer in manifest["layers"]}
        _remove_others(os.path.join(self.path, "streams"), kept)


def config_digest(image: RemoteImage) -> str:
    return json.loads(image.manifest_text)["config"]["digest"]


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise BootcError(f"Opening {path}: {os_error(error)}") from error


def _remove_others(folder: str, kept: set[str]) -> None:
    for name in os.listdir(folder):
        if name not in kept:
            os.unlink(os.path.join(folder, name))
