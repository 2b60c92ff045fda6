"""A blob that is being read: what came is counted and hashed, so that nobody can forget to check it."""
import hashlib
from collections.abc import Callable, Iterator

from .errors import BootcError

_CHUNK = 1 << 18


class Blob:
    """The bytes of one blob. `finish()` reads what is left and raises BootcError when size or digest is wrong."""

    def __init__(self, stream, descriptor: dict, ended: Callable[[], object] | None = None) -> None:
        self._stream, self._ended = stream, ended
        # What comes is of this type, which need not be the one in the manifest.
        self.media_type = descriptor.get("mediaType", "")
        self._digest, self._left = descriptor["digest"], descriptor["size"]
        self._checksum = hashlib.sha256()

    def __enter__(self) -> "Blob":
        return self

    def __exit__(self, *_unused) -> None:
        self._stream.close()

    def chunks(self) -> Iterator[bytes]:
        """The bytes, as they come."""
        while self._left > 0:
            chunk = self._stream.read(min(self._left, _CHUNK))
            if not chunk:
                return
            self._checksum.update(chunk)
            self._left -= len(chunk)
            yield chunk

    def finish(self) -> None:
        """To be called before what was read is used."""
        for _chunk in self.chunks():
            pass
        more = self._ended is None and self._stream.read(1)
        if self._ended is not None:
            self._ended()
        if self._left or more or f"sha256:{self._checksum.hexdigest()}" != self._digest:
            raise BootcError(f"Corrupted blob, expecting {self._digest}")


def read_blob(blob: Blob) -> bytes:
    """A small blob, checked."""
    with blob:
        data = b"".join(blob.chunks())
        blob.finish()
    return data
