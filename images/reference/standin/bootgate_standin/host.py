"""The checks and side effects that several verbs share."""
import json
import os
import subprocess

from .errors import BootcError
from .imgref import ImageReference, parse_origin
from .ostree import Deployment, Sysroot
from .status import CACHED_UPDATE, noted_updates

DEPLOYMENTS = "/ostree/deploy"
FINALIZE_FAILURE = "/boot/ostree/finalize-failure.stamp"
LAYERED = (
    "Deployment contains local rpm-ostree modifications; cannot upgrade via bootc. "
    "You can run `rpm-ostree reset` to undo the modifications."
)


def require_root() -> None:
    if os.geteuid() != 0:
        raise BootcError("This command must be executed as the root user")


def is_booted_host() -> bool:
    return os.path.exists("/run/ostree-booted")


def require_booted() -> None:
    if os.path.exists("/run/.containerenv"):
        raise BootcError("Detected container; this command requires a booted host system.")
    if not is_booted_host():
        raise BootcError("System not booted via bootc")


def leave_mount_namespace() -> None:
    """What is mounted from now on is seen by this process only and ends with it."""
    os.unshare(os.CLONE_NEWNS)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def make_sysroot_writable() -> None:
    """/sysroot is mounted read-only: open it for this process only, in a mount namespace of its own."""
    leave_mount_namespace()
    subprocess.run(["mount", "-o", "remount,rw", "/sysroot"], check=True)


def booted_of(deployments: list[Deployment]) -> Deployment:
    for deployment in deployments:
        if deployment.booted:
            return deployment
    raise BootcError("System not booted via bootc")


def staged_of(deployments: list[Deployment]) -> Deployment | None:
    return next((deployment for deployment in deployments if deployment.staged), None)


def reference_of(deployment: Deployment) -> ImageReference:
    if deployment.reference is None:
        raise BootcError("No image source specified")
    return parse_origin(deployment.reference)


def refuse_after_failed_finalize() -> None:
    try:
        with open(FINALIZE_FAILURE, encoding="utf-8", errors="replace") as stream:
            raise BootcError(f"ostree-finalize-staged.service failed on previous boot: {stream.read().strip()}")
    except FileNotFoundError:
        return


def note_reboot_required(digest: str) -> None:
    with open("/run/reboot-required", "w", encoding="ascii") as stream:
        stream.write(f"bootc: Reboot required for image: {digest}")


def note_cached_update(booted: Deployment, image: dict, deployments: list[Deployment]) -> None:
    """Kept with the deployment that looked, so that it is still there when that one is the rollback deployment."""
    os.makedirs(os.path.dirname(CACHED_UPDATE), exist_ok=True)
    present = {entry.checksum for entry in deployments}
    noted = {checksum: note for checksum, note in noted_updates().items() if checksum in present}
    noted[booted.checksum] = {"reference": booted.reference, "image": image}
    draft = f"{CACHED_UPDATE}.new"
    with open(draft, "w", encoding="utf-8") as stream:
        json.dump(noted, stream)
    os.replace(draft, CACHED_UPDATE)


def reboot() -> None:
    print("Rebooting system", flush=True)
    subprocess.run(
        ["systemd-run", "--quiet", "--", "systemctl", "reboot", "--message=Initiated by bootc"], check=True
    )
