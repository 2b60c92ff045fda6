"""/etc of a deployment: made from its image, and merged with what this machine changed in its own (bootc-dev/bootc, `crates/etc-merge`)."""
import os
import shutil
import stat
from collections import namedtuple

from ..errors import BootcError
from .repo import Repository
from .tree import Node
from .verity import digest_of

# Paths below /etc: what this machine added or modified (parents first), what it removed, and why paths cannot be merged.
Changes = namedtuple("Changes", "kept removed conflicts")


def write_tree(repo: Repository, node: Node, path: bytes) -> None:
    """Writes a folder of a tree to disk, with owners, modes, times and attributes."""
    os.makedirs(path, exist_ok=True)
    for name, child in node.children.items():
        target = os.path.join(path, name)
        if child.kind == "d":
            write_tree(repo, child, target)
        elif child.kind == "l":
            os.symlink(child.data, target)
            os.chown(target, child.uid, child.gid, follow_symlinks=False)
        elif child.kind == "f":
            with open(target, "wb") as stream:
                stream.write(repo.content(child))
            _set_facts(child, target)
    _set_facts(node, path)


def _set_facts(node: Node, path: bytes) -> None:
    os.chown(path, node.uid, node.gid)
    os.chmod(path, node.mode)
    for name, value in node.xattrs.items():
        os.setxattr(path, name, value)
    os.utime(path, (node.mtime, node.mtime))


def _kind(mode: int) -> str | None:
    kinds = ((stat.S_ISDIR, "d"), (stat.S_ISREG, "f"), (stat.S_ISLNK, "l"))
    return next((kind for check, kind in kinds if check(mode)), None)  # pipes and sockets are nobody's configuration


def _same_facts(node: Node, found: os.stat_result, path: bytes) -> bool:
    if (node.uid, node.gid) != (found.st_uid, found.st_gid):
        return False
    return node.kind == "l" or node.mode == stat.S_IMODE(found.st_mode)


def _same(node: Node, found: os.stat_result, path: bytes) -> bool:
    if node.kind != _kind(found.st_mode) or not _same_facts(node, found, path):
        return False
    if node.kind == "l":
        return os.readlink(path) == node.data
    if node.object is not None and node.size != found.st_size:
        return False
    with open(path, "rb") as stream:
        data = stream.read()
    return data == node.data if node.object is None else digest_of(data) == node.object


def changes(pristine: Node, current: bytes, new: Node) -> Changes:
    """What differs between the /etc that an image ships (`pristine`) and this machine's, and whether it fits the new image's."""
    found = Changes([], [], [])
    _compare(pristine, current, new, b"", found)
    return found


def _compare(pristine: Node | None, current: bytes, new: Node | None, path: bytes, found: Changes) -> None:
    names = sorted(os.listdir(os.path.join(current, path)))
    for name in names:
        below = os.path.join(path, name)
        full = os.path.join(current, below)
        facts = os.lstat(full)
        kind = _kind(facts.st_mode)
        if kind is None:
            continue
        old = pristine.children.get(name) if pristine is not None else None
        later = new.children.get(name) if new is not None else None
        if kind == "d":
            is_folder = old is not None and old.kind == "d"
            count = len(found.kept)
            if not is_folder or not _same_facts(old, facts, full):
                found.kept.append(below)
            _compare(old if is_folder else None, current, later if later is not None and later.kind == "d" else None, below, found)
            if len(found.kept) > count:
                _check(kind, later, below, found)
        elif old is None or not _same(old, facts, full):
            found.kept.append(below)
            _check(kind, later, below, found)
    if pristine is not None:
        found.removed.extend(os.path.join(path, name) for name in pristine.children if name not in names)


def _check(kind: str, later: Node | None, path: bytes, found: Changes) -> None:
    if later is None or (later.kind == "d") == (kind == "d"):
        return
    name = os.fsdecode(path)
    if kind == "d":
        found.conflicts.append(f"Directory '{name}' now defaults to a file in new etc")
    else:
        found.conflicts.append(f"File '{name}' now defaults to a directory in new etc")


def refuse_conflicts(found: Changes) -> None:
    if found.conflicts:
        raise BootcError(f"Merge conflicts found in etc: {'; '.join(found.conflicts)}")


def merge(found: Changes, current: bytes, new: bytes) -> None:
    """Brings this machine's changes into the /etc of another deployment. Raises BootcError where they do not fit."""
    refuse_conflicts(found)
    for path in found.removed:
        _remove(os.path.join(new, path))
    for path in found.kept:
        _copy(os.path.join(current, path), os.path.join(new, path))


def _remove(path: bytes) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _copy(source: bytes, target: bytes) -> None:
    facts = os.lstat(source)
    parent = os.path.dirname(target)
    if not os.path.isdir(parent):
        _copy(os.path.dirname(source), parent)
    if stat.S_ISDIR(facts.st_mode):
        os.makedirs(target, exist_ok=True)
    else:
        _remove(target)
        shutil.copy2(source, target, follow_symlinks=False)
    os.chown(target, facts.st_uid, facts.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(facts.st_mode):
        os.chmod(target, stat.S_IMODE(facts.st_mode))
