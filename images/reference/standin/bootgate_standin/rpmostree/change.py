"""What the verbs of the stand-in for rpm-ostree do: each asks for something else than the deployment has, and stages that."""
import tempfile

from .. import host
from ..errors import BootcError
from ..ostree import Deployment, Sysroot, run_ostree
from .layer import difference, effect_of, layered_commit
from .origin import NOTHING, Wish, base_of, name_of, text_of, wish_of
from .rpmfile import is_file_argument, take

_STATEROOT = "default"
REBOOT = 'Run "systemctl reboot" to start a reboot'
QUEUED = f"Changes queued for next boot. {REBOOT}"
_UNDO = 'Use "rpm-ostree override reset" to undo overrides'


def absent(what: str) -> BootcError:
    return BootcError(f"'{what}' is not in bootgate's stand-in for rpm-ostree; the real rpm-ostree has it")


def merge_deployment(deployments: list[Deployment]) -> Deployment:
    """What a change starts from: the staged one, else the first."""
    return host.staged_of(deployments) or deployments[0]


def deploy(origin: str, commit: str, *words: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as draft:
        draft.write(origin)
        draft.flush()
        # Without the machine's own kernel arguments changed, ostree takes those of the booted deployment.
        run_ostree("admin", "deploy", "--stage", f"--os={_STATEROOT}", f"--origin-file={draft.name}", *words, commit)


def current() -> tuple[Sysroot, Deployment]:
    sysroot = Sysroot()
    return sysroot, merge_deployment(sysroot.deployments())


def _stage(sysroot: Sysroot, deployment: Deployment, wish: Wish, subjects: list[str], *said: str) -> None:
    """Stages the base of a deployment with what is asked for, without the packages that `subjects` mean."""
    base = base_of(sysroot, deployment)
    host.make_sysroot_writable()
    print(f"Checking out tree {base[:7]}... done", flush=True)
    commit, asked, effect = layered_commit(sysroot, base, wish, subjects)
    if commit != base:
        print("Writing OSTree commit... done", flush=True)
    deploy(text_of(deployment, asked), commit)
    print("Staging deployment... done", flush=True)
    print(*difference(effect_of(deployment), effect), *said, sep="\n")


def _files_of(words: list[str], verb: str) -> dict[str, str]:
    by_name = [word for word in words if not is_file_argument(word)]
    if by_name:
        raise absent(f"rpm-ostree {verb} {by_name[0]}")
    return dict(take(word) for word in words)


def _installed(wish: Wish, words: list[str], verb: str) -> Wish:
    wanted = _files_of(words, verb)
    for nevra in wanted:
        if nevra in wish.local:
            raise BootcError(f"Package '{nevra}' is already layered")
    return wish.installing(wanted)


def _uninstalled(wish: Wish, names: list[str]) -> Wish:
    for name in names:
        if not any(name in (nevra, name_of(nevra)) for nevra in wish.local):
            raise BootcError(f"Package/capability '{name}' is not currently requested")
    return wish._replace(
        local={nevra: sha for nevra, sha in wish.local.items() if nevra not in names and name_of(nevra) not in names}
    )


def install(packages: list[str], uninstalls: list[str]) -> None:
    sysroot, deployment = current()
    wish = _uninstalled(wish_of(deployment), uninstalls)
    _stage(sysroot, deployment, _installed(wish, packages, "install"), [], QUEUED)


def uninstall(packages: list[str], installs: list[str]) -> None:
    install(installs, packages)


def override(replaced: list[str], removed: list[str], installs: list[str], uninstalls: list[str]) -> None:
    """Replaces packages of the base by files and removes others, in one deployment."""
    if any(not is_file_argument(word) for word in replaced):
        raise BootcError("Non-local replacement overrides not implemented yet")
    sysroot, deployment = current()
    wish = _uninstalled(wish_of(deployment), uninstalls)
    wish = _installed(wish, installs, "override --install")
    wish = wish.replacing(dict(take(word) for word in replaced))
    _stage(sysroot, deployment, wish, removed, _UNDO, REBOOT)


def reset_overrides(packages: list[str]) -> None:
    """Drops the overrides of these packages; all where none is named."""
    sysroot, deployment = current()
    wish = wish_of(deployment)
    if not packages:
        rest = wish._replace(removals=(), replacements={})
        if rest == wish:
            print("No change.")
            return
        wish = rest
    for package in packages:
        less = wish.without(package)
        if less is None:
            raise BootcError(f"No overrides for package '{package}'")
        wish = less
    _stage(sysroot, deployment, wish, [], REBOOT)


def reset(overlays: bool, overrides: bool) -> None:
    """Drops what was layered, what was overridden, or both."""
    sysroot, deployment = current()
    wish = wish_of(deployment)
    removals, replacements = ((), {}) if overrides else (wish.removals, wish.replacements)
    rest = Wish({} if overlays else wish.local, removals, replacements)
    if rest == wish and not (rest == NOTHING and deployment.layered):
        print("No change.")
        return
    _stage(sysroot, deployment, rest, [], QUEUED)
