"""`--soft-reboot`: ostree makes the next root ready, and systemd goes there instead of restarting the machine.

`systemctl reboot` makes a soft reboot of itself where /run/nextroot holds a system (systemctl(1)), so `--apply` needs no
more than that (bootc-dev/bootc, `crates/lib/src/cli.rs`).
"""
from . import host
from .errors import BootcError, context
from .ostree import Sysroot, run_ostree


def prepare(mode: str | None) -> None:
    """Prepares a soft reboot into the staged deployment: `required` refuses where that cannot be, `auto` leaves it."""
    if mode is None:
        return
    sysroot = Sysroot()
    deployments = sysroot.deployments()
    staged = host.staged_of(deployments)
    files = sysroot.boot_files(host.booted_of(deployments))
    with context("Handling staged soft reboot"), context("Handling soft reboot"):
        if staged is None or not files or sysroot.boot_files(staged) != files:
            if mode == "required":
                raise BootcError("Soft reboot was required but staged deployment is not soft-reboot capable")
            return
        with context("Soft reboot staged deployment"):
            print("Staged deployment is soft-reboot capable, preparing for soft-reboot...", flush=True)
            with context("Preparing soft reboot"), context("Failed to prepare soft-reboot"):
                run_ostree("admin", "prepare-soft-reboot", str(staged.index))
