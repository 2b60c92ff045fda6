"""Turns an OCI layer into what ostree takes: `/etc` becomes `/usr/etc`, whiteouts become a list, devices are left out."""
import tarfile
import zlib

_BLOCK = 1 << 18


class _Inflate:
    """A file-like reader that unpacks gzip; zlib alone is much faster than the gzip module."""

    def __init__(self, stream) -> None:
        self._stream, self._zlib, self._pending = stream, zlib.decompressobj(31), b""

    def read(self, size: int) -> bytes:
        pieces, have = [self._pending], len(self._pending)
        while have < size:
            chunk = self._stream.read(_BLOCK)
            data = self._zlib.decompress(chunk) if chunk else self._zlib.flush()
            pieces.append(data)
            have += len(data)
            if not chunk:
                break
        joined = b"".join(pieces)
        self._pending = joined[size:]
        return joined[:size]


def open_layer(path: str, media_type: str) -> tarfile.TarFile:
    """Opens a layer blob of any of the three OCI compressions as a tar stream."""
    stream = open(path, "rb")  # noqa: SIM115 - lives as long as the tar object
    if media_type.endswith("gzip"):
        return tarfile.open(fileobj=_Inflate(stream), mode="r|", bufsize=_BLOCK)
    if media_type.endswith("zstd"):
        from compression import zstd  # Python 3.14

        return tarfile.open(fileobj=zstd.ZstdFile(stream), mode="r|", bufsize=_BLOCK)
    return tarfile.open(fileobj=stream, mode="r|", bufsize=_BLOCK)


def ostree_path(name: str) -> str:
    """Where a path of the image lives in the commit."""
    clean = name.removeprefix("./").strip("/")
    return f"usr/{clean}" if clean == "etc" or clean.startswith("etc/") else clean


def find_whiteouts(path: str, media_type: str) -> list[str]:
    """The paths (in the commit) that this layer removes from the layers below it."""
    found = []
    with open_layer(path, media_type) as layer:
        for member in layer:
            head, _, base = ostree_path(member.name).rpartition("/")
            if base == ".wh..wh..opq":
                found.append(f"/{head}")
            elif base.startswith(".wh."):
                found.append(f"/{head}/{base.removeprefix('.wh.')}" if head else f"/{base.removeprefix('.wh.')}")
    return found


def write_ostree_tar(path: str, media_type: str, sink) -> None:
    """Writes the layer as ostree is to see it to the binary file `sink`."""
    with open_layer(path, media_type) as layer, tarfile.open(
        fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BLOCK
    ) as output:
        for member in layer:
            member.name = ostree_path(member.name)
            if not member.name or member.name.rpartition("/")[2].startswith(".wh."):
                continue
            if member.ischr() or member.isblk() or member.isfifo():
                continue
            if member.islnk():
                member.linkname = ostree_path(member.linkname)
            member.pax_headers = {
                key: value for key, value in member.pax_headers.items() if key.startswith("SCHILY.xattr.")
            }
            output.addfile(member, layer.extractfile(member) if member.isreg() else None)
