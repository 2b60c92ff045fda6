"""The command line of the stand-in for rpm-ostree. What the real one has and this does not is refused in words of our own."""
import sys
import tempfile

from .. import host
from ..errors import BootcError
from ..ostree import Deployment, Sysroot, run_ostree
from . import layer, status
from .origin import base_of, local_packages, text_of

_VERSION = "rpm-ostree:\n Version: '2026.2 (bootgate stand-in)'"
_STATEROOT = "default"
_QUEUED = 'Changes queued for next boot. Run "systemctl reboot" to start a reboot'


def _absent(what: str) -> BootcError:
    return BootcError(f"'{what}' is not in bootgate's stand-in for rpm-ostree; the real rpm-ostree has it")


def _merge_deployment(deployments: list[Deployment]) -> Deployment:
    """What a change starts from: the staged one, else the first."""
    return host.staged_of(deployments) or deployments[0]


def _deploy(origin: str, commit: str, *words: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as draft:
        draft.write(origin)
        draft.flush()
        # Without the machine's own kernel arguments changed, ostree takes those of the booted deployment.
        run_ostree("admin", "deploy", "--stage", f"--os={_STATEROOT}", f"--origin-file={draft.name}", *words, commit)


def _change(current: Deployment, sysroot: Sysroot, local: dict[str, str]) -> None:
    """Stages the base of a deployment with these packages."""
    base = base_of(sysroot, current)
    host.make_sysroot_writable()
    print(f"Checking out tree {base[:7]}... done", flush=True)
    commit = layer.layered_commit(sysroot, base, local) if local else base
    if local:
        print("Writing OSTree commit... done", flush=True)
    _deploy(text_of(current, local), commit)
    print("Staging deployment... done", flush=True)


def _install(words: list[str]) -> None:
    files = [word for word in words if not word.startswith("-")]
    unknown = [word for word in words if word.startswith("-") and word not in ("-y", "--assumeyes", "--idempotent")]
    if unknown:
        raise _absent(f"rpm-ostree install {unknown[0]}")
    if not files:
        raise BootcError("At least one PACKAGE must be specified")
    by_name = [word for word in files if not word.endswith(".rpm")]
    if by_name:
        raise _absent(f"rpm-ostree install {by_name[0]}")
    sysroot = Sysroot()
    current = _merge_deployment(sysroot.deployments())
    before = local_packages(current)
    wanted = dict(layer.take(path) for path in files)
    for nevra in wanted:
        if nevra in before:
            raise BootcError(f"Package '{nevra}' is already layered")
    _change(current, sysroot, {**before, **wanted})
    print("Added:", *(f"  {nevra}" for nevra in sorted(wanted)), _QUEUED, sep="\n")


def _uninstall(names: list[str]) -> None:
    sysroot = Sysroot()
    current = _merge_deployment(sysroot.deployments())
    before = local_packages(current)
    gone = [nevra for nevra in before if nevra in names or nevra.rsplit("-", 2)[0] in names]
    if not gone:
        raise BootcError(f"Package/capability '{' '.join(names)}' is not currently requested")
    _change(current, sysroot, {nevra: checksum for nevra, checksum in before.items() if nevra not in gone})
    print("Removed:", *(f"  {nevra}" for nevra in gone), _QUEUED, sep="\n")


def _reset(words: list[str]) -> None:
    if any(word not in ("-l", "--overlays", "-o", "--overrides", "-i", "--initramfs") for word in words):
        raise _absent(f"rpm-ostree reset {words[0]}")
    sysroot = Sysroot()
    current = _merge_deployment(sysroot.deployments())
    if not current.layered:
        print("No change.")
        return
    _change(current, sysroot, {})
    print("Removed:", *(f"  {nevra}" for nevra in sorted(local_packages(current))), _QUEUED, sep="\n")


def _rollback() -> None:
    """Makes the other deployment the first one, or the booted one where the other is it already; a staged one goes."""
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
    print('Run "systemctl reboot" to start a reboot')


def _kargs(words: list[str]) -> None:
    appended = [word.removeprefix("--append=") for word in words if word.startswith("--append=")]
    if len(appended) != len(words):
        raise _absent(f"rpm-ostree kargs {words[0]}")
    sysroot = Sysroot()
    current = _merge_deployment(sysroot.deployments())
    if not words:
        with open("/proc/cmdline", encoding="utf-8") as stream:
            print(" ".join(word for word in stream.read().split() if not word.startswith("BOOT_IMAGE=")))
        return
    host.make_sysroot_writable()
    _deploy(text_of(current, local_packages(current)), current.checksum, *(f"--karg-append={word}" for word in appended))
    print(f"Staging deployment... done\nKernel arguments updated.\n{_QUEUED}")


def _run(verb: str, words: list[str]) -> None:
    if verb == "status":
        if any(word not in ("--json", "-v", "--verbose") for word in words):
            raise _absent(f"rpm-ostree status {words[0]}")
        print(status.to_json(Sysroot()) if "--json" in words else status.to_text(Sysroot()))
    elif verb in ("install", "uninstall", "reset", "rollback", "kargs"):
        host.require_root()
        {
            "install": lambda: _install(words),
            "uninstall": lambda: _uninstall(words),
            "reset": lambda: _reset(words),
            "rollback": _rollback,
            "kargs": lambda: _kargs(words),
        }[verb]()
    else:
        raise _absent(f"rpm-ostree {verb}")


def main(words: list[str]) -> int:
    """Runs one command and returns its exit code: 0, or 1 for an error."""
    if not words or words[0] in ("-h", "--help"):
        print("Usage: rpm-ostree status|install|uninstall|reset|rollback|kargs (bootgate stand-in, not the real rpm-ostree)")
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
