"""Turns an OCI layer into what ostree takes: `/etc` becomes `/usr/etc`, whiteouts become a list, devices are left out."""
from collections.abc import Callable, Iterator

from .tarstream import inflate, rewrite


def unpacked(chunks: Iterator[bytes], media_type: str) -> Iterator[bytes]:
    if media_type.endswith("gzip"):
        return inflate(chunks)
    if media_type.endswith("zstd"):
        return _unzstd(chunks)
    return chunks


def _unzstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    from compression import zstd  # Python 3.14

    from .errors import BootcError

    unpack = zstd.ZstdDecompressor()
    try:
        for chunk in chunks:
            while chunk or not (unpack.needs_input or unpack.eof):
                if unpack.eof:
                    unpack = zstd.ZstdDecompressor()
                yield unpack.decompress(chunk, 1 << 18)
                chunk = unpack.unused_data if unpack.eof else b""
    except zstd.ZstdError as error:
        raise BootcError(f"invalid zstd data: {error}") from error
    if not unpack.eof:
        raise BootcError("unexpected end of file")


def ostree_path(name: str) -> str:
    """Where a path of the image lives in the commit."""
    clean = name.removeprefix("./").strip("/")
    return f"usr/{clean}" if clean == "etc" or clean.startswith("etc/") else clean


def write_ostree_tar(chunks: Iterator[bytes], media_type: str, write: Callable[[bytes], object]) -> list[str]:
    """Writes a packed layer as ostree is to see it; returns the paths (in the commit) that it removes from lower layers."""
    return rewrite(unpacked(chunks, media_type), ostree_path, write)
