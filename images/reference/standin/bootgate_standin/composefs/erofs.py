"""Writes an EROFS image of a tree whose larger files are only named by digest: overlayfs takes their content from the objects.

Structures: Linux, fs/erofs/erofs_fs.h. The attributes by which overlayfs finds and checks an object: fs/overlayfs/overlayfs.h
(`trusted.overlay.redirect`, `trusted.overlay.metacopy`). The same tree always gives the same bytes.
"""
import struct

from .tree import Node

BLOCK = 4096
_SLOT = 32
_INODE = 64
_PLAIN, _INLINE, _CHUNKED = 0, 2, 4
_TYPES = {"d": (0o040000, 2), "f": (0o100000, 1), "l": (0o120000, 7), "p": (0o010000, 5)}
_PREFIXES = (
    (b"user.", 1), (b"system.posix_acl_access", 2), (b"system.posix_acl_default", 3), (b"trusted.", 4), (b"security.", 6),
)  # fmt: skip
_SHA512 = 2
# By which libcomposefs knows an image: magic, version of the header, flags, version of the format (lcfs-erofs.h).
_HEADER = (0xD078629A, 1, 0, 1)
_NOTHING = b"\xff\xff\xff\xff"


def _attributes(node: Node) -> bytes:
    """A node's extended attributes as they stand behind its inode."""
    found = [(name.encode(), value) for name, value in sorted(node.xattrs.items())]
    if node.object is not None:
        redirect = f"/{node.object[:2]}/{node.object[2:]}".encode()
        digest = bytes.fromhex(node.object)
        found.append((b"trusted.overlay.metacopy", struct.pack("BBBB", 0, 4 + len(digest), 0, _SHA512) + digest))
        found.append((b"trusted.overlay.redirect", redirect))
    out = []
    for name, value in found:
        for prefix, index in _PREFIXES:
            if name.startswith(prefix):
                rest = name[len(prefix) :]
                entry = struct.pack("<BBH", len(rest), index, len(value)) + rest + value
                out.append(entry + bytes(-len(entry) % 4))
                break
    return b"".join([bytes(12), *out]) if out else b""


def _names(node: Node) -> list[bytes]:
    return sorted([b".", b"..", *node.children])


def _split(names: list[bytes]) -> list[list[bytes]]:
    blocks, used = [[]], 0
    for name in names:
        if used + 12 + len(name) > BLOCK:
            blocks.append([])
            used = 0
        blocks[-1].append(name)
        used += 12 + len(name)
    return blocks


def _size(node: Node) -> int:
    if node.kind == "d":
        blocks = _split(_names(node))
        return (len(blocks) - 1) * BLOCK + sum(12 + len(name) for name in blocks[-1])
    return len(node.data) if node.object is None else node.size


def _directory(node: Node, parent: Node) -> bytes:
    out = []
    for block in _split(_names(node)):
        at, heads = 12 * len(block), []
        for name in block:
            entry = node if name == b"." else parent if name == b".." else node.children[name]
            heads.append(struct.pack("<QHBx", entry.number, at, _TYPES[entry.kind][1]))
            at += len(name)
        out.append(b"".join([*heads, *block]).ljust(BLOCK, b"\0"))
    return b"".join(out)[: _size(node)]


class _Place:
    """Where a node is: behind its inode what fits there, else in blocks of its own."""

    __slots__ = ("attributes", "size", "layout", "tail", "block")

    def __init__(self, node: Node) -> None:
        self.attributes, self.size = _attributes(node), _size(node)
        head = _INODE + len(self.attributes)
        self.block = 0
        if node.object is not None:
            self.layout, self.tail = _CHUNKED, 4
        elif self.size and head + self.size <= BLOCK:
            self.layout, self.tail = _INLINE, self.size
        else:
            self.layout, self.tail = _PLAIN, 0

    @property
    def bytes(self) -> int:
        return _INODE + len(self.attributes) + self.tail

    @property
    def together(self) -> int:
        """What must not cross the end of a block: an inode, and what stands inline with it."""
        return self.bytes if self.layout == _INLINE else _INODE


def _lay_out(nodes: list[Node]) -> tuple[dict[int, _Place], int]:
    """Numbers every node (a slot of 32 bytes from the start) and gives blocks to what needs them. Returns their count, too."""
    at, places = 1024 + 128, {}
    for node in nodes:
        place = places[id(node)] = _Place(node)
        if at % BLOCK + place.together > BLOCK:
            at += -at % BLOCK
        node.number = at // _SLOT
        at += place.bytes + -place.bytes % _SLOT
    block = -(-at // BLOCK)
    for node in nodes:
        place = places[id(node)]
        if place.layout == _PLAIN and place.size:
            place.block = block
            block += -(-place.size // BLOCK)
    return places, block


def _chunk_bits(size: int) -> int:
    """One chunk for the whole file: the number of bits above those of a block."""
    return max(0, (max(size, 1) - 1).bit_length() - 12)


def _inode(node: Node, place: _Place, number: int) -> bytes:
    union = _chunk_bits(node.size) if place.layout == _CHUNKED else place.block
    count = (len(place.attributes) - 12) // 4 + 1 if place.attributes else 0
    return struct.pack(
        "<HHHHQIIIIqII16x", 1 | place.layout << 1, count, _TYPES[node.kind][0] | node.mode, 0, place.size, union, number,
        node.uid, node.gid, node.mtime, 0, node.links,
    )  # fmt: skip


def _crc32c(data: bytearray) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _bit in range(8):
            crc = crc >> 1 ^ (crc & 1) * 0x82F63B78
    return crc


def _superblock(root: int, inodes: int, blocks: int) -> bytes:
    block = bytearray(128)
    chunked = 0x4
    struct.pack_into("<IIIBBHQQIIII", block, 0, 0xE0F5E1E2, 0, 0x1 | 0x2, 12, 0, root, inodes, 0, 0, blocks, 0, 0)
    struct.pack_into("<I", block, 80, chunked)
    return bytes(block)


def _walk(root: Node) -> tuple[list[Node], dict[int, Node]]:
    """Each node once, the root first, with its count of links; and the parent of each folder."""
    nodes, parents = [root], {id(root): root}
    root.links = 2
    for folder in nodes:
        for name in sorted(folder.children) if folder.kind == "d" else ():
            child = folder.children[name]
            if child.kind == "d":
                parents[id(child)] = folder
                folder.links += 1
                child.links = 2
                nodes.append(child)
            elif id(child) in parents:
                child.links += 1
            else:
                parents[id(child)] = folder
                child.links = 1
                nodes.append(child)
    return nodes, parents


def write_image(root: Node) -> bytes:
    """The bytes of the image whose root is `root`."""
    nodes, parents = _walk(root)
    places, blocks = _lay_out(nodes)
    image = bytearray(blocks * BLOCK)
    for index, node in enumerate(nodes):
        place = places[id(node)]
        content = _directory(node, parents[id(node)]) if node.kind == "d" else node.data
        inode = _inode(node, place, index + 1) + place.attributes
        if place.layout == _CHUNKED:
            inode += _NOTHING
        elif place.layout == _INLINE:
            inode += content
        else:
            image[place.block * BLOCK : place.block * BLOCK + len(content)] = content if place.size else b""
        image[node.number * _SLOT : node.number * _SLOT + len(inode)] = inode
    # The checksum covers the first block from the superblock on, with all that stands in it.
    image[0:16] = struct.pack("<IIII", *_HEADER)
    image[1024 : 1024 + 128] = _superblock(root.number, len(nodes), blocks)
    image[1024 + 4 : 1024 + 8] = struct.pack("<I", _crc32c(image[1024:BLOCK]))
    return bytes(image)
