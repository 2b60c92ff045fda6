"""Pulls an image, stages it, and says so as bootc does."""
import json
import os
import sys
import tempfile
import time

from . import bound, host
from .deploy import origin_text
from .errors import BootcError, context
from .imgref import ImageReference
from .importer import RemoteImage, import_image, imported_digest, missing_layers, prune
from .journal import log
from .kargs import changes, deployed_kargs, image_kargs
from .ostree import Deployment, Sysroot, run_ostree
from .proxy import ImageProxy
from .words import human_seconds, human_size, manifest_diff, sizes


def layers_of(deployment: Deployment) -> list[dict]:
    """The layers of the image that a deployment came from."""
    return json.loads(deployment.metadata.get("ostree.manifest", '{"layers":[]}'))["layers"]


def version_lines(image: RemoteImage) -> str:
    """Version, where there is a label for it, and digest."""
    version = (image.config.get("config", {}).get("Labels") or {}).get("org.opencontainers.image.version")
    return (f"  Version: {version}\n" if version else "") + f"  Digest: {image.digest}"


def notice_labels(image: RemoteImage) -> None:
    if "containers.bootc" not in (image.config.get("config", {}).get("Labels") or {}):
        print("notice: Image is missing label: containers.bootc", flush=True)


def check_space(sysroot: Sysroot, image: RemoteImage, reference: ImageReference) -> None:
    """Raises BootcError when what is missing of an image will not fit."""
    # A compressed layer needs about three times its size unpacked; upstream reads the exact figure from annotations.
    facts = os.statvfs(sysroot.repo)
    available = facts.f_bavail * facts.f_frsize
    required = sum(3 * layer["size"] for layer in missing_layers(sysroot, image))
    if required > available:
        raise BootcError(
            f"Insufficient free space for {reference.human()} "
            f"(available: {human_size(available)} required: {human_size(required)})"
        )


def pull(proxy: ImageProxy, sysroot: Sysroot, image: RemoteImage, reference: ImageReference) -> str | None:
    """Imports an opened image and says what is needed; None when it was imported before."""
    if imported_digest(sysroot, reference) == image.digest:
        print(f"No changes in {reference.human()} => {image.digest}", flush=True)
        return None
    notice_labels(image)
    needed = missing_layers(sysroot, image)
    present = len(image.layers) - len(needed)
    if needed:
        print(f"layers already present: {present}; layers needed: {len(needed)} ({sizes(needed)})", flush=True)
    check_space(sysroot, image, reference)
    log(f"Pulling new image: {reference.origin()}")
    with context("Pulling"):
        commit = import_image(proxy, sysroot, image, reference)
    log(f"Successfully imported image: {reference.origin()}")
    return commit


def _deploy(sysroot: Sysroot, booted: Deployment, commit: str, origin: str, locked: bool) -> None:
    """ostree-finalize-staged.service completes it at shutdown. Kernel arguments of the machine are kept."""
    with open("/proc/cmdline", encoding="utf-8") as stream:
        booted_with = stream.read()
    kargs = changes(deployed_kargs(sysroot, booted), image_kargs(sysroot, commit), booted_with)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as draft:
        draft.write(origin)
        draft.flush()
        run_ostree(
            "admin", "deploy", "--stage", f"--os={booted.stateroot}", f"--origin-file={draft.name}",
            *(["--lock-finalization"] if locked else []), *kargs, commit,
        )  # fmt: skip


def stage(
    sysroot: Sysroot, deployments: list[Deployment], image: RemoteImage, reference: ImageReference,
    commit: str, locked: bool,
) -> None:  # fmt: skip
    """Stages a commit that was imported for `reference`."""
    booted = host.booted_of(deployments)
    with context("Staging"):
        bound.pull_bound(sysroot, commit)
    log(f"Staging image for deployment: {reference.origin()} (digest: {image.digest})")
    began = time.monotonic()
    print("Deploying...", end="", file=sys.stderr, flush=True)
    try:
        _deploy(sysroot, booted, commit, origin_text(reference), locked)
    except BootcError:
        print(file=sys.stderr)
        raise
    print(f"done ({human_seconds(time.monotonic() - began)})", file=sys.stderr, flush=True)
    # What was staged before is not deployed any more (bootc-dev/bootc, `deploy.rs`: staging ends with the clean-up).
    kept = [entry for entry in deployments if not entry.staged]
    manifests = [entry.metadata["ostree.manifest"] for entry in kept if "ostree.manifest" in entry.metadata]
    followed = {entry.reference for entry in kept if entry.reference is not None}
    with context("Staging"):
        prune(sysroot, [*manifests, image.manifest_text], {*followed, reference.origin()})
        bound.prune_bound(sysroot)
    host.note_reboot_required(image.digest)
    print(f"Queued for next boot: {reference.human()}\n{version_lines(image)}")
    print(manifest_diff(layers_of(booted), image.layers), flush=True)
