"""Fetches manifests and blobs through `skopeo experimental-image-proxy`, the way real bootc does.

One skopeo process per command; requests are JSON packets on a SOCK_SEQPACKET socket and bulk data comes back through
pipes whose file descriptors are sent along. Every digest is checked here again.
"""
import contextlib
import hashlib
import json
import os
import socket
import subprocess
from collections.abc import Callable

from .blob import Blob, read_blob
from .errors import BootcError


class ImageProxy:
    """A running proxy; use as a context manager."""

    def __init__(self) -> None:
        self._stored: set[int] = set()
        self._kept: dict[str, dict] = {}
        self._begun: str | None = None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ours
        try:
            self._child = subprocess.Popen(
                ["skopeo", "experimental-image-proxy", "--sockfd", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        except FileNotFoundError as error:
            raise BootcError("Failed to invoke skopeo: No such file or directory") from error
        finally:
            theirs.close()
        self._call("Initialize")

    def __enter__(self) -> "ImageProxy":
        return self

    def __exit__(self, *_unused) -> None:
        # Who has stopped reading a blob has closed its pipe: the answer to it comes, and skopeo has nobody to complain to.
        if self._begun is not None:
            with contextlib.suppress(BootcError):
                self._answer()
        self._socket.close()
        self._child.wait()

    def _call(self, method: str, *args):
        return self._begin(method, *args)()

    def _begin(self, method: str, *args) -> Callable[[], tuple]:
        """Asks, and returns what waits for the answer. Nothing else can be asked meanwhile."""
        self._socket.send(json.dumps({"method": method, "args": list(args)}).encode())
        self._begun = method
        return self._answer

    def _answer(self) -> tuple:
        method, self._begun = self._begun, None
        packet, fds, _flags, _address = socket.recv_fds(self._socket, 32 * 1024, 1)
        if not packet:
            raise BootcError(f"{method}: the image proxy ended unexpectedly")
        reply = json.loads(packet)
        if not reply["success"]:
            for fd in fds:
                os.close(fd)
            raise BootcError(f"failed to invoke method {method}: {reply['error']}")
        return reply["value"], (fds[0] if fds else None), reply.get("pipeid")

    def _read_all(self, method: str, *args) -> tuple[object, bytes]:
        value, fd, pipe = self._call(method, *args)
        # The far end closes the pipe only on FinishPipe, which waits until everything is written: fine for what fits a pipe.
        with open(fd, "rb") as stream:
            self._call("FinishPipe", pipe)
            return value, stream.read()

    def open_image(self, reference: str) -> int:
        """Opens `docker://…`, `oci:…` and returns its handle."""
        handle = self._call("OpenImage", reference)[0]
        if reference.startswith("containers-storage:"):
            self._stored.add(handle)
        return handle

    def manifest(self, image: int) -> tuple[str, bytes]:
        """Digest and bytes of the manifest of this architecture."""
        digest, data = self._read_all("GetManifest", image)
        actual = "sha256:" + hashlib.sha256(data).hexdigest()
        if actual != digest:
            raise BootcError(f"Manifest digest mismatch: expected {digest}, got {actual}")
        if image in self._stored:
            # podman keeps layers unpacked, and its manifest names them as they were packed in the registry.
            kept = self._call("GetLayerInfo", image)[0]
            self._kept = {
                layer["digest"]: {**info, "mediaType": info["media_type"]}
                for layer, info in zip(json.loads(data)["layers"], kept, strict=True)
            }
        return str(digest), data

    def config(self, image: int, descriptor: dict) -> bytes:
        """The image configuration, as the blob that the manifest names."""
        return read_blob(self.blob(image, descriptor))

    def blob(self, image: int, descriptor: dict) -> Blob:
        """Opens a blob for reading. Its end is asked for at once: skopeo closes the pipe of one that is cut off for no other reason."""
        descriptor = self._kept.get(descriptor["digest"], descriptor)
        _value, fd, pipe = self._call("GetBlob", image, descriptor["digest"], descriptor["size"])
        return Blob(open(fd, "rb", buffering=0), descriptor, self._begin("FinishPipe", pipe))
