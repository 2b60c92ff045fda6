"""`bootc rollback` and `bootc usr-overlay`."""
from . import host
from .errors import BootcError, context
from .journal import log
from .ostree import Sysroot, run_ostree

_MESSAGE_ID = "26f3b1eb24464d12aa5e7b544a6b5468"


def rollback(options: dict) -> None:
    """Makes the rollback deployment the next to boot, or takes that back. A staged deployment is dropped."""
    host.require_root()
    host.require_booted()
    with context("Rollback"), context("Rollback (ostree)"):
        _rollback()
    if options["apply"]:
        host.reboot()


def _rollback() -> None:
    deployments = Sysroot().deployments()
    booted, staged = host.booted_of(deployments), host.staged_of(deployments)
    others = [entry for entry in deployments if not entry.booted and not entry.staged and not entry.pinned]
    target = next((entry for entry in others if entry.stateroot == booted.stateroot), None)
    if target is None:
        raise BootcError("No rollback available")
    if target.digest is None or target.reference is None or target.layered:
        raise BootcError("Rollback is not container image based")
    reverting = target.index < booted.index
    chosen = booted if reverting else target
    index = chosen.index
    if staged is not None:
        run_ostree("admin", "undeploy", str(staged.index))
        index -= 1
    if reverting:
        print("notice: Reverting queued rollback state")
    run_ostree("admin", "set-default", str(index))
    if not reverting:
        log(f"Rolling back to image: {target.digest}", MESSAGE_ID=_MESSAGE_ID)
    host.note_reboot_required(str(chosen.digest))
    print("Next boot: current deployment" if reverting else "Next boot: rollback deployment", flush=True)


def usr_overlay(options: dict) -> None:
    """Opens /usr for writing until the next boot."""
    host.require_root()
    if not host.is_booted_host():
        raise BootcError("usroverlay only applies on booted hosts")
    print(run_ostree("admin", "unlock", *(["--transient"] if options["read-only"] else [])), end="")
