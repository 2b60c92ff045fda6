"""The command line of the stand-in for rpm-ostree. What the real one has and this does not is refused in words of our own."""
import sys
from collections.abc import Callable

from .. import host
from ..errors import BootcError
from ..ostree import Sysroot, run_ostree
from . import change, status
from .change import absent
from .origin import text_of, wish_of

_VERSION = "rpm-ostree:\n Version: '2026.2 (bootgate stand-in)'"
# Nobody is asked anything here, and what is asked for twice is refused either way.
_IGNORED = ("-y", "--assumeyes", "--idempotent", "-C", "--cache-only")


def _sorted_out(verb: str, words: list[str], lists: tuple[str, ...]) -> tuple[list[str], dict[str, list[str]]]:
    """The plain words, and those of options that take a package each: `--remove=PKG` or `--remove PKG`."""
    plain: list[str] = []
    taken: dict[str, list[str]] = {name: [] for name in lists}
    waiting = iter(words)
    for word in waiting:
        name, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and name in taken:
            found = value if equals else next(waiting, None)
            if found is None:
                raise BootcError(f"Missing argument for --{name}")
            taken[name].append(found)
        elif not word.startswith("-"):
            plain.append(word)
        elif word not in _IGNORED:
            raise absent(f"rpm-ostree {verb} {word}")
    return plain, taken


def _some(packages: list[str]) -> list[str]:
    if not packages:
        raise BootcError("At least one PACKAGE must be specified")
    return packages


def _install(words: list[str]) -> None:
    packages, options = _sorted_out("install", words, ("uninstall",))
    change.install(_some(packages), options["uninstall"])


def _uninstall(words: list[str]) -> None:
    packages, options = _sorted_out("uninstall", words, ("install",))
    change.uninstall(_some(packages), options["install"])


def _override(words: list[str]) -> None:
    verb, rest = (words[0], words[1:]) if words else ("", [])
    if verb == "replace":
        packages, options = _sorted_out("override replace", rest, ("remove", "install", "uninstall"))
        change.override(_some(packages), options["remove"], options["install"], options["uninstall"])
    elif verb == "remove":
        packages, options = _sorted_out("override remove", rest, ("replace", "install", "uninstall"))
        change.override(options["replace"], _some(packages), options["install"], options["uninstall"])
    elif verb == "reset":
        everything = any(word in ("-a", "--all") for word in rest)
        packages, _ = _sorted_out("override reset", [word for word in rest if word not in ("-a", "--all")], ())
        if everything and packages:
            raise BootcError("Cannot specify PACKAGEs with --all")
        change.reset_overrides([] if everything else _some(packages))
    else:
        raise absent(f"rpm-ostree override {verb}".strip())


def _reset(words: list[str]) -> None:
    kinds = {"-l": "l", "--overlays": "l", "-o": "o", "--overrides": "o", "-i": "i", "--initramfs": "i"}
    unknown = [word for word in words if word not in kinds]
    if unknown:
        raise absent(f"rpm-ostree reset {unknown[0]}")
    asked = {kinds[word] for word in words} or {"l", "o", "i"}
    change.reset(overlays="l" in asked, overrides="o" in asked)


def _rollback(words: list[str]) -> None:
    """Makes the other deployment the first one, or the booted one where the other is it already; a staged one goes."""
    if words:
        raise absent(f"rpm-ostree rollback {words[0]}")
    deployments = Sysroot().deployments()
    booted, staged = host.booted_of(deployments), host.staged_of(deployments)
    others = [entry for entry in deployments if not entry.booted and not entry.staged]
    if staged is None and not others:
        raise BootcError("Found 1 deployments, at least 2 required for rollback")
    if staged is not None:
        run_ostree("admin", "undeploy", str(staged.index))
    if others:
        waiting = next((entry for entry in others if entry.index < booted.index), None)
        target = booted if waiting is not None else others[0]
        run_ostree("admin", "set-default", str(target.index - (0 if staged is None else 1)))
        print(f"Moving '{target.name}' to be first deployment")
    print(change.REBOOT)


def _kargs(words: list[str]) -> None:
    appended = [word.removeprefix("--append=") for word in words if word.startswith("--append=")]
    if len(appended) != len(words):
        raise absent(f"rpm-ostree kargs {words[0]}")
    _sysroot, current = change.current()
    if not words:
        with open("/proc/cmdline", encoding="utf-8") as stream:
            print(" ".join(word for word in stream.read().split() if not word.startswith("BOOT_IMAGE=")))
        return
    host.make_sysroot_writable()
    origin = text_of(current, wish_of(current))
    change.deploy(origin, current.checksum, *(f"--karg-append={word}" for word in appended))
    print(f"Staging deployment... done\nKernel arguments updated.\n{change.QUEUED}")


_CHANGES: dict[str, Callable[[list[str]], None]] = {
    "install": _install,
    "uninstall": _uninstall,
    "override": _override,
    "reset": _reset,
    "rollback": _rollback,
    "kargs": _kargs,
}


def _run(verb: str, words: list[str]) -> None:
    if verb == "status":
        if any(word not in ("--json", "-v", "--verbose") for word in words):
            raise absent(f"rpm-ostree status {words[0]}")
        print(status.to_json(Sysroot()) if "--json" in words else status.to_text(Sysroot()))
        return
    if verb not in _CHANGES:
        raise absent(f"rpm-ostree {verb}")
    host.require_root()
    _CHANGES[verb](words)


def main(words: list[str]) -> int:
    """Runs one command and returns its exit code: 0, or 1 for an error."""
    if not words or words[0] in ("-h", "--help"):
        print(f"Usage: rpm-ostree status|{'|'.join(_CHANGES)} (bootgate stand-in, not the real rpm-ostree)")
        return 0 if words else 1
    if words[0] == "--version":
        print(_VERSION)
        return 0
    try:
        if not host.is_booted_host():
            raise BootcError("This system was not booted via libostree; cannot operate")
        _run(words[0], words[1:])
    except BootcError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
