"""The tree of an image: each layer as a list of entries (its stream), and the layers laid over each other."""
from collections.abc import Iterator

from ..errors import BootcError
from ..tarstream import Member, members

INLINE = 64  # bytes of content that an image holds itself; more is an object (composefs-rs, INLINE_CONTENT_MAX)
_KINDS = {ord("0"): "f", 0: "f", ord("1"): "h", ord("2"): "l", ord("5"): "d", ord("6"): "p", ord("7"): "f"}


class Node:
    """A file of the tree. `object` names its content where the image does not hold it (`data`)."""

    __slots__ = ("kind", "mode", "uid", "gid", "mtime", "size", "data", "object", "xattrs", "children", "number", "links")

    def __init__(self, kind: str, mode: int, uid: int = 0, gid: int = 0, mtime: int = 0) -> None:
        self.kind, self.mode, self.uid, self.gid, self.mtime = kind, mode, uid, gid, mtime
        self.size, self.data, self.object = 0, b"", None
        self.xattrs: dict[str, bytes] = {}
        self.children: dict[bytes, "Node"] = {}
        self.number = self.links = 0


def read_layer(pieces: Iterator[bytes], store) -> list[list]:
    """The entries of a layer's tar stream, in their order. `store(take, size)` keeps a larger file and returns its digest."""
    entries = []
    for member, reader in members(pieces):
        kind = _KINDS.get(member.kind)
        padded = member.size + -member.size % 512
        if kind is None:  # devices are left out
            reader.pass_on(padded, None)
            continue
        payload, digest = "", None
        if kind == "f":
            if member.size > INLINE:
                digest = store(reader, member.size)
            else:
                payload = reader.take(member.size).decode("latin1")
                if len(payload) < member.size:
                    raise BootcError("unexpected end of file")
            reader.pass_on(padded - member.size, None)
        else:
            reader.pass_on(padded, None)
            payload = member.link.encode(errors="surrogateescape").decode("latin1") if kind in "lh" else ""
        entries.append([kind, _path(member.name), member.size, payload, digest, *_facts(member)])
    return entries


def _path(name: str) -> str:
    return name.removeprefix("./").strip("/").encode(errors="surrogateescape").decode("latin1")


def _facts(member: Member) -> list:
    xattrs = {
        name.removeprefix("SCHILY.xattr."): value.decode("latin1")
        for name, value in member.said.items()
        if name.startswith("SCHILY.xattr.")
    }
    return [member.mode, member.uid, member.gid, member.mtime, xattrs]


def merge(layers: list[list[list]]) -> Node:
    """Lays layers over each other, lowest first. What booting does not need is not in the tree: /boot and /sysroot are empty."""
    root = Node("d", 0o755)
    for entries in layers:
        _whiteouts(root, entries)
        for entry in entries:
            _place(root, entry)
    for name in (b"boot", b"sysroot"):
        if name in root.children:
            root.children[name].children = {}
    return root


def _split(path: str) -> tuple[list[bytes], bytes]:
    parts = path.encode("latin1").split(b"/")
    return parts[:-1], parts[-1]


def _folder(root: Node, parts: list[bytes], make: bool) -> Node | None:
    node = root
    for part in parts:
        child = node.children.get(part)
        if child is None or child.kind != "d":
            if not make:
                return None
            child = node.children[part] = Node("d", 0o755)
        node = child
    return node


def _whiteouts(root: Node, entries: list[list]) -> None:
    """A layer takes away only what lower layers have, wherever its whiteouts stand among its entries (OCI image-spec, layer.md)."""
    for entry in entries:
        parts, name = _split(entry[1])
        if not name.startswith(b".wh."):
            continue
        folder = _folder(root, parts, False)
        if folder is None:
            continue
        if name == b".wh..wh..opq":
            folder.children = {}
        else:
            folder.children.pop(name[4:], None)


def _place(root: Node, entry: list) -> None:
    kind, path, size, payload, digest, mode, uid, gid, mtime, xattrs = entry
    if path == "":
        root.mode, root.uid, root.gid, root.mtime = mode, uid, gid, mtime
        return
    parts, name = _split(path)
    if name.startswith(b".wh."):
        return
    folder = _folder(root, parts, True)
    if kind == "h":
        folder.children[name] = _linked(root, payload)
        return
    node = Node(kind, mode, uid, gid, mtime)
    node.xattrs = {key: value.encode("latin1") for key, value in xattrs.items()}
    if kind == "d":
        old = folder.children.get(name)
        if old is not None and old.kind == "d":
            node.children = old.children
    elif digest is not None:
        node.size, node.object = size, digest
    else:
        node.data = payload.encode("latin1")
    folder.children[name] = node


def _linked(root: Node, target: str) -> Node:
    found = lookup(root, target.removeprefix("./").strip("/").encode("latin1"))
    if found is None:
        raise BootcError(f"Hard link to {target}, which is not there")
    return found


def lookup(root: Node, path: bytes) -> Node | None:
    """The node at a path (links are not followed), or None."""
    node: Node | None = root
    for part in path.split(b"/"):
        node = node.children.get(part) if node is not None and node.kind == "d" else None
    return node


def objects_of(root: Node) -> Iterator[str]:
    """The digests of all objects that a tree names."""
    todo = [root]
    while todo:
        node = todo.pop()
        if node.object is not None:
            yield node.object
        todo.extend(node.children.values())
