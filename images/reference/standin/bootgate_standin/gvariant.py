"""Reads the little of GVariant's serialisation that ostree's files need: dictionaries `a{sv}`.

Asking the `ostree` program for each key would cost a process start per key, which is seconds under emulation.
Format: https://docs.gtk.org/glib/gvariant-specification-1.0.html (little endian hosts only).
"""


def _offset_size(length: int) -> int:
    for size, limit in ((1, 0xFF), (2, 0xFFFF), (4, 0xFFFFFFFF)):
        if length <= limit:
            return size if length else 0
    return 8


def _offset(data: bytes, position: int, size: int) -> int:
    return int.from_bytes(data[position : position + size], "little")


def _align8(position: int) -> int:
    return (position + 7) & ~7


def _variable_array(data: bytes, align) -> list[bytes]:
    if not data:
        return []
    size = _offset_size(len(data))
    table = _offset(data, len(data) - size, size)
    ends = [_offset(data, at, size) for at in range(table, len(data), size)]
    items, start = [], 0
    for end in ends:
        items.append(data[align(start) : end])
        start = end
    return items


def parse_variant(data: bytes):
    """A `v`: the value, then a zero byte, then its type string. Unknown types stay bytes."""
    cut = data.rfind(b"\0")
    value, kind = data[:cut], data[cut + 1 :].decode()
    if kind == "s":
        return value[:-1].decode()
    if kind == "b":
        return value != b"\0"
    if kind == "as":
        return [item[:-1].decode() for item in _variable_array(value, lambda at: at)]
    if kind == "a{sv}":
        return parse_dict(value)
    return value


def parse_dict(data: bytes) -> dict:
    """An `a{sv}` as a Python dictionary."""
    result = {}
    for entry in _variable_array(data, _align8):
        size = _offset_size(len(entry))
        key_end = _offset(entry, len(entry) - size, size)
        key = entry[: key_end - 1].decode()
        result[key] = parse_variant(entry[_align8(key_end) : len(entry) - size])
    return result


def parse_commit_metadata(data: bytes) -> dict:
    """The metadata of an ostree commit object `(a{sv}aya(say)sstayay)`: its first member."""
    size = _offset_size(len(data))
    return parse_dict(data[: _offset(data, len(data) - size, size)])
