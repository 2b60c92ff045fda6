"""A tar stream block by block: what ostree is to see of a layer is passed on as it is, and only what must change is written again.

Python's tarfile parses every header into objects; under emulation that took longer than everything else an import does.
"""
import zlib
from collections.abc import Callable, Iterator

from .errors import BootcError

_BLOCK = 512
_PIECE = 1 << 18
END = bytes(2 * _BLOCK)
_MOST_NAMES = 1 << 20  # bytes of a long name or of pax records; nobody's layer has more
_EXTENDED = frozenset(b"xgLK")
_DEVICES = frozenset(b"346")


def inflate(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Unpacks gzip, also of several members, in pieces of limited size."""
    unpack = zlib.decompressobj(31)
    try:
        for chunk in chunks:
            while chunk:
                if unpack.eof:
                    unpack = zlib.decompressobj(31)
                yield unpack.decompress(chunk, _PIECE)
                chunk = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
        if not unpack.eof:
            raise BootcError("unexpected end of file")
    except zlib.error as error:
        raise BootcError(f"invalid gzip data: {error}") from error


class Reader:
    """Takes exact numbers of bytes from a stream of pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._data = pieces, memoryview(b"")

    def _fill(self) -> bool:
        while not self._data:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._data = memoryview(piece)
        return True

    def take(self, size: int) -> bytes:
        """The next `size` bytes, or fewer where the stream ends."""
        if size <= len(self._data):
            taken, self._data = self._data[:size], self._data[size:]
            return bytes(taken)
        found = bytearray()
        while len(found) < size and self._fill():
            part = self._data[: size - len(found)]
            self._data = self._data[len(part) :]
            found += part
        return bytes(found)

    def pass_on(self, size: int, write: Callable[[bytes], object] | None) -> None:
        """Gives the next `size` bytes to `write`, or drops them."""
        while size:
            if not self._fill():
                raise BootcError("unexpected end of file")
            part = self._data[:size]
            self._data = self._data[len(part) :]
            size -= len(part)
            if write is not None:
                write(part)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="surrogateescape")


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # GNU's way to write what does not fit: big-endian binary
        return int.from_bytes(field, "big") & ((1 << 8 * len(field) - 1) - 1)
    try:
        return int(field.rstrip(b"\0 ").strip() or b"0", 8)
    except ValueError:
        raise BootcError("invalid tar header") from None


def _check_sum(block: bytes) -> int:
    return sum(block[:148]) + sum(block[156:]) + 8 * 32


def _records(data: bytes) -> dict[str, bytes]:
    found, at = {}, 0
    while at < len(data):
        length, space, _ = data[at : at + 24].partition(b" ")
        if not space or not length.isdigit() or int(length) <= len(length) + 2:
            break
        key, _, value = data[at + len(length) + 1 : at + int(length) - 1].partition(b"=")
        found[key.decode(errors="replace")] = value
        at += int(length)
    return found


def _pax(records: dict[str, bytes]) -> bytes:
    """An extended header with these records."""
    body = b""
    for key, value in records.items():
        rest = len(key.encode()) + len(value) + 3
        length = rest + len(str(rest))
        length = rest + len(str(length))
        body += b"%d %s=%s\n" % (length, key.encode(), value)
    header = bytearray(_BLOCK)
    header[0:10] = b"PaxHeaders"
    header[100:136] = b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % len(body)
    header[136:148] = b"00000000000\0"
    header[156:157] = b"x"
    header[257:265] = b"ustar\x0000"
    header[148:156] = b"%06o\0 " % _check_sum(header)
    return bytes(header) + body + bytes(-len(body) % _BLOCK)


class Member:
    """One member: its blocks as they came, and what the blocks before it say about it."""

    def __init__(self, header: bytes, before: list[bytes], said: dict[str, bytes]) -> None:
        self.blocks, self.said = [*before, header], said
        prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
        own = f"{prefix}/{_text(header[:100])}" if prefix else _text(header[:100])
        self.name = said["path"].decode(errors="surrogateescape") if "path" in said else own
        self.link = said["linkpath"].decode(errors="surrogateescape") if "linkpath" in said else _text(header[157:257])
        self.kind = header[156]
        self.size = int(said["size"]) if said.get("size", b"").isdigit() else _number(header[124:136])
        if self.kind in b"12345":  # these have no data, whatever they say about a size
            self.size = 0
        self._header = header
        if self.kind == ord("S"):
            raise BootcError("sparse files in GNU's old format are not supported")

    def _field(self, key: str, start: int, end: int) -> int:
        """A number of the header, or of the pax record that is over it (which may have a fraction)."""
        said = self.said.get(key, b"").partition(b".")[0]
        return int(said) if said.lstrip(b"-").isdigit() else _number(self._header[start:end])

    @property
    def mode(self) -> int:
        return _number(self._header[100:108]) & 0o7777

    @property
    def uid(self) -> int:
        return self._field("uid", 108, 116)

    @property
    def gid(self) -> int:
        return self._field("gid", 116, 124)

    @property
    def mtime(self) -> int:
        return self._field("mtime", 136, 148)

    def renamed(self, name: str, link: str) -> list[bytes]:
        """The blocks of the same member under another name."""
        path, target = (text.encode(errors="surrogateescape") for text in (name, link))
        changed = {**self.said, "path": path, **({"linkpath": target} if link else {})}
        return [_pax(changed), self.blocks[-1]]


def _members(reader: Reader) -> Iterator[Member]:
    before: list[bytes] = []
    said: dict[str, bytes] = {}
    while True:
        header = reader.take(_BLOCK)
        if not header or not header.strip(b"\0"):
            return  # the end, with its blocks of zeros or without
        if len(header) < _BLOCK or _number(header[148:156]) != _check_sum(header):
            raise BootcError("unexpected end of file" if len(header) < _BLOCK else "invalid tar header")
        if header[156] not in _EXTENDED:
            yield Member(header, before, said)
            before, said = [], {}
            continue
        size = _number(header[124:136])
        if size > _MOST_NAMES:
            raise BootcError("invalid tar header")
        data = reader.take(size + -size % _BLOCK)
        if len(data) < size:
            raise BootcError("unexpected end of file")
        if header[156] == ord("g"):
            continue  # a comment about the whole archive
        before += [header, data]
        if header[156] == ord("x"):
            said.update(_records(data[:size]))
        else:
            said["path" if header[156] == ord("L") else "linkpath"] = data[:size].partition(b"\0")[0]


def members(pieces: Iterator[bytes]) -> Iterator[tuple[Member, Reader]]:
    """The members of a tar stream; a reader that takes one also takes its data, with its padding, from the reader."""
    reader = Reader(pieces)
    for member in _members(reader):
        yield member, reader


def rewrite(pieces: Iterator[bytes], place: Callable[[str], str], write: Callable[[bytes], object]) -> list[str]:
    """Copies a layer to `write` with every path where `place` wants it; returns the paths that the layer's whiteouts name.

    Devices are left out, and so is the end of the archive: the caller writes END when the blob is what it should be.
    Raises BootcError for what is not a tar stream or ends early.
    """
    reader, gone = Reader(pieces), []
    for member in _members(reader):
        padded = member.size + -member.size % _BLOCK
        name = place(member.name)
        head, _, base = name.rpartition("/")
        if base.startswith(".wh."):
            gone.append(f"/{head}" if base == ".wh..wh..opq" else f"/{head}/{base[4:]}" if head else f"/{base[4:]}")
        if base.startswith(".wh.") or member.kind in _DEVICES:
            reader.pass_on(padded, None)
            continue
        link = place(member.link) if member.kind == ord("1") else member.link
        plain = member.name.removeprefix("./").strip("/")  # empty for the root folder, which stays as it is
        kept = name == plain and (member.kind != ord("1") or link == member.link.removeprefix("./").strip("/"))
        for block in member.blocks if kept else member.renamed(name, link if member.kind in b"12" else ""):
            write(block)
        reader.pass_on(padded, write)
    return gone
