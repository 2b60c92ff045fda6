"""The checks of `bootc container lint`. Each gets a root and how many items of a list are shown; it returns None, or what is wrong."""
import configparser
import os
import re
import stat

from .errors import BootcError
from .kargs import arguments
from .ostree import KARGS_FOLDER

_API_DIRECTORIES = ("dev", "proc", "sys", "run", "tmp", "var")
# Where an image documents what its root is made of; the same is asked of that.
_BASE_IMAGE = "usr/share/doc/bootc/baseimage/base"
_PREPARE_ROOT = "ostree/prepare-root.conf"
_MODULES = "usr/lib/modules"


def _facts(root: str, path: str):
    """lstat, or None."""
    try:
        return os.lstat(os.path.join(root, path))
    except FileNotFoundError:
        return None


def _listed(header: str, items: list[str], limit: int | None) -> str:
    """A list below its header; a line of its own ends it."""
    shown = items if limit is None else items[:limit]
    rest = [f"  ...and {len(items) - len(shown)} more"] if len(shown) < len(items) else []
    return "\n".join([f"{header}:", *(f"  {item}" for item in shown), *rest]) + "\n"


def _children(folder: str) -> list[os.DirEntry]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _same_device(root: str, path: str) -> bool:
    """Mounts are not looked into (`open_dir_noxdev`)."""
    facts = _facts(root, path)
    return facts is not None and stat.S_ISDIR(facts.st_mode) and facts.st_dev == os.lstat(root).st_dev


def api_directories(root: str, _limit) -> str | None:
    for name in _API_DIRECTORIES:
        facts = _facts(root, name)
        if facts is None:
            return f"Missing API filesystem base directory: /{name}"
        if not stat.S_ISDIR(facts.st_mode):
            return f"Expected directory for API filesystem base directory: /{name}"
    return None


def _roots(root: str) -> list[str]:
    documented = os.path.join(root, _BASE_IMAGE)
    return [root, *([documented] if os.path.isdir(documented) else [])]


def _composefs(root: str) -> str | None:
    for folder in ("etc", "usr/lib"):
        path = os.path.join(root, folder, _PREPARE_ROOT)
        if not os.path.exists(path):
            continue
        config = configparser.ConfigParser(interpolation=None)
        config.read(path, encoding="utf-8")
        enabled = config.get("composefs", "enabled", fallback="no")
        transient = config.get("root", "transient", fallback="no")
        if enabled in ("yes", "true", "1", "maybe", "signed", "verity") or transient in ("yes", "true", "1"):
            return None
        return f"{_PREPARE_ROOT} does not have composefs enabled"
    return f"{_PREPARE_ROOT} is not present to enable composefs"


def composefs(root: str, _limit) -> str | None:
    return next((said for said in map(_composefs, _roots(root)) if said is not None), None)


def _root(root: str) -> str | None:
    sysroot, link = _facts(root, "sysroot"), _facts(root, "ostree")
    if sysroot is None:
        return "Missing /sysroot"
    if not stat.S_ISDIR(sysroot.st_mode):
        return "Expected a directory for /sysroot"
    if link is None:
        return "Missing ostree -> sysroot/ostree link"
    if not stat.S_ISLNK(link.st_mode):
        return "/ostree should be a symlink"
    target = os.readlink(os.path.join(root, "ostree"))
    return None if target == "sysroot/ostree" else f'Expected /ostree -> sysroot/ostree, not "{target}"'


def root(path: str, _limit) -> str | None:
    return next((said for said in map(_root, _roots(path)) if said is not None), None)


def kargs(root: str, _limit) -> str | None:
    folder = os.path.join(root, KARGS_FOLDER)
    if not os.path.lexists(folder):
        return None
    for entry in _children(folder):
        if entry.name.endswith(".toml"):
            with open(entry.path, encoding="utf-8") as stream:
                arguments(entry.name, stream.read())
    return None


def injected(root: str, _limit) -> str | None:
    for name in ("etc/hostname", "etc/resolv.conf"):
        facts = _facts(root, name)
        if facts is not None and stat.S_ISREG(facts.st_mode) and facts.st_size == 0:
            return f"/{name} is an empty file; this may have been synthesized by a container runtime."
    return None


def usr_etc(root: str, _limit) -> str | None:
    if _facts(root, "etc") is None or _facts(root, "usr/etc") is None:
        return None
    return "Found /usr/etc - this is a bootc implementation detail and not supported to use in containers"


def kernel(root: str, _limit) -> str | None:
    folder = os.path.join(root, _MODULES)
    if not os.path.isdir(folder):
        return None
    found = [
        entry for entry in _children(folder)
        if entry.is_dir(follow_symlinks=False) and os.path.exists(os.path.join(entry.path, "vmlinuz"))
    ]  # fmt: skip
    if len(found) > 1:
        raise BootcError(f"Found multiple subdirectories in {_MODULES}")
    return None


def boot(root: str, limit: int | None) -> str | None:
    folder = os.path.join(root, "boot")
    if not os.path.isdir(folder):
        return "Missing /boot directory"
    # The folder of unified kernel images is looked for by the name of its parent.
    names = [entry.name for entry in _children(folder) if entry.name != "EFI"]
    return _listed("Found non-empty /boot", names, limit) if names else None


def runtime_only(root: str, limit: int | None) -> str | None:
    found = []
    for name in ("run", "tmp"):
        if not _same_device(root, name):
            continue
        for folder, folders, files in os.walk(os.path.join(root, name)):
            inside = os.path.relpath(folder, root)
            folders[:] = [one for one in folders if not os.path.ismount(os.path.join(folder, one))]
            files = [one for one in files if not os.path.ismount(os.path.join(folder, one))]
            found += [f"/{inside}/{one}" for one in (*folders, *files)]
    # podman and buildah leave it, and the folders above it, behind.
    path = "/run/systemd/resolve/stub-resolv.conf"
    while path != "/run" and not any(one.startswith(f"{path}/") for one in found):
        found = [one for one in found if one != path]
        path = os.path.dirname(path)
    return _listed("Found content in runtime-only directories (/run, /tmp)", sorted(found), limit) if found else None


def _lines(root: str, folders: tuple[str, ...], skip: str = "#") -> list[list[str]]:
    """The words of each line of all `*.conf` below these folders; the first folder's file hides another's of its name."""
    files: dict[str, str] = {}
    for folder in folders:
        path = os.path.join(root, folder)
        for entry in _children(path) if os.path.isdir(path) else []:
            if entry.name.endswith(".conf"):
                files.setdefault(entry.name, entry.path)
    lines = []
    for path in files.values():
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as stream:
                lines += [line.split() for line in stream if line.strip() and not line.startswith(skip)]
    return lines


def sysusers(root: str, limit: int | None) -> str | None:
    declared = _lines(root, ("etc/sysusers.d", "run/sysusers.d", "usr/lib/sysusers.d"))
    users = {words[1] for words in declared if words[0].startswith("u") and len(words) > 1}
    # A user brings the group of its name along (sysusers.d(5)).
    groups = {words[1] for words in declared if words[0][0] in "ug" and len(words) > 1}
    said = ""
    for name, known in (("passwd", users), ("group", groups)):
        path = os.path.join(root, "etc", name)
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8", errors="replace") as stream:
            present = {line.split(":")[0] for line in stream if ":" in line}
        missing = sorted(present - known - {"root"})
        if missing:
            said += _listed(f"Found /etc/{name} entry without corresponding systemd sysusers.d", missing, limit)
    return said or None


def utf8(root: str, _limit) -> str | None:
    device = os.lstat(root).st_dev
    for folder, folders, files in os.walk(os.fsencode(root)):
        folders[:] = [
            one for one in folders
            if os.path.islink(os.path.join(folder, one)) or os.lstat(os.path.join(folder, one)).st_dev == device
        ]  # fmt: skip
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            inside = "/" + os.path.relpath(path, os.fsencode(root)).decode("utf-8", "backslashreplace")
            try:
                name.decode("utf-8")
            except UnicodeDecodeError:
                escaped = re.sub(r"\\x([0-9a-f]{2})", lambda hit: f"\\x{hit[1].upper()}", os.path.basename(inside))
                return f'{os.path.dirname(inside)}: Found non-utf8 filename "{escaped}"'
            if os.path.islink(path):
                try:
                    os.readlink(path).decode("utf-8")
                except UnicodeDecodeError:
                    return f"{inside}: Found non-utf8 symlink target"
    return None


def var_log(root: str, limit: int | None) -> str | None:
    found = []
    for folder, _folders, files in os.walk(os.path.join(root, "var/log")):
        for name in files:
            facts = os.lstat(os.path.join(folder, name))
            if stat.S_ISREG(facts.st_mode) and facts.st_size > 0:
                found.append("/" + os.path.relpath(os.path.join(folder, name), root))
    return _listed("Found non-empty logfiles", sorted(found), limit) if found else None


def var_run(root: str, _limit) -> str | None:
    facts = _facts(root, "var/run")
    return None if facts is None or stat.S_ISLNK(facts.st_mode) else "Not a symlink: var/run"


def var_tmpfiles(root: str, limit: int | None) -> str | None:
    lines = _lines(root, ("etc/tmpfiles.d", "usr/lib/tmpfiles.d"))
    declared = {words[1].rstrip("/") for words in lines if len(words) > 1}
    missing, others = [], []

    def look(folder: str) -> None:
        for entry in _children(os.path.join(root, folder)):
            inside = f"{folder}/{entry.name}"
            facts = entry.stat(follow_symlinks=False)
            if f"/{inside}" not in declared:
                if stat.S_ISDIR(facts.st_mode):
                    missing.append(f"d /{inside} {stat.S_IMODE(facts.st_mode):04o} {_owner(facts.st_uid, facts.st_gid)} - -")
                elif stat.S_ISLNK(facts.st_mode):
                    missing.append(f"L /{inside} - - - - {os.readlink(entry.path)}")
                else:
                    others.append(inside)
            # Of a running system only what lies in /var itself is looked at, since it is a mount.
            if stat.S_ISDIR(facts.st_mode) and _same_device(root, inside):
                look(inside)

    look("var")
    said = _listed("Found content in /var missing systemd tmpfiles.d entries", sorted(missing), limit) if missing else ""
    return (said + (_listed("Found non-directory/non-symlink files in /var", sorted(others), limit) if others else "")) or None


def _owner(uid: int, gid: int) -> str:
    import grp
    import pwd

    return f"{pwd.getpwuid(uid).pw_name} {grp.getgrgid(gid).gr_name}"
