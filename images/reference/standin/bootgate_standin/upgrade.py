"""`bootc upgrade` and `bootc switch`: look, pull, stage."""
import glob
import os
import sys
import tempfile

from . import host, soft_reboot
from .deploy import origin_text
from .errors import BootcError, context, os_error
from .imgref import ImageReference, invalid_reference, parse_origin
from .importer import image_ref, imported_digest, open_remote
from .journal import log
from .ostree import Deployment, Sysroot, run_ostree
from .proxy import ImageProxy
from .stage import layers_of, notice_labels, pull, stage, version_lines
from .status import image_status
from .words import manifest_diff


def _check(sysroot: Sysroot, deployments: list[Deployment], reference: ImageReference) -> None:
    booted = host.booted_of(deployments)
    with ImageProxy() as proxy:
        image = open_remote(proxy, reference)
    # What was pulled for this reference before counts, also when it is only staged.
    if imported_digest(sysroot, reference) == image.digest:
        print(f"No changes in: {reference.skopeo()}")
        return
    notice_labels(image)
    host.note_cached_update(booted, image_status(reference.json(), image.digest, image.config_text), deployments)
    print(f"Update available for: {reference.skopeo()}\n{version_lines(image)}")
    print(manifest_diff(layers_of(booted), image.layers))


def _unlock(staged: Deployment | None) -> None:
    if staged is None:
        raise BootcError("No staged deployment found")
    if staged.locked:
        run_ostree("admin", "lock-finalization", "--unlock")
        print("Staged deployment will now be applied on reboot")
    else:
        print("Staged deployment is already set to apply on reboot")


def _same_as_staged(staged: Deployment, download_only: bool) -> None:
    print("Staged update present, not changed")
    if download_only:
        if not staged.locked:
            run_ostree("admin", "lock-finalization")
        print("Image downloaded, but will not be applied on reboot")
    elif staged.locked:
        _unlock(staged)


def upgrade(options: dict) -> None:
    """`bootc upgrade`."""
    host.require_root()
    host.require_booted()
    sysroot = Sysroot()
    with context("Upgrading"):
        apply = _upgrade(sysroot, sysroot.deployments(), options)
        if apply:
            soft_reboot.prepare(options["soft-reboot"])
    if apply and options["apply"]:
        host.reboot()


def _upgrade(sysroot: Sysroot, deployments: list[Deployment], options: dict) -> bool:
    """True when there is something to boot into."""
    booted, staged = host.booted_of(deployments), host.staged_of(deployments)
    if booted.layered or (staged is not None and staged.layered):
        raise BootcError(host.LAYERED)
    if options["tag"] is not None and booted.reference is None:
        raise BootcError("--tag requires a booted image with a specified source")
    reference = host.reference_of(staged or booted)
    if options["tag"] is not None:
        reference = host.reference_of(booted).with_tag(options["tag"])
    if options["from-downloaded"]:
        _unlock(staged)
        return True
    if options["check"]:
        _check(sysroot, deployments, reference)
        return False
    host.refuse_after_failed_finalize()
    host.make_sysroot_writable()
    return _upgrade_now(sysroot, deployments, reference, options["download-only"]) or staged is not None


def _upgrade_now(
    sysroot: Sysroot, deployments: list[Deployment], reference: ImageReference, download_only: bool
) -> bool:
    booted, staged = host.booted_of(deployments), host.staged_of(deployments)
    with ImageProxy() as proxy:
        image = open_remote(proxy, reference)
        commit = pull(proxy, sysroot, image, reference)
    if staged is not None and staged.digest == image.digest:
        _same_as_staged(staged, download_only)
        return False
    if booted.digest == image.digest and booted.reference == reference.origin():
        print("No update available.")
        return False
    commit = commit or sysroot.ref_commit(image_ref(reference))
    stage(sysroot, deployments, image, reference, commit, download_only)
    return True


def switch(options: dict) -> None:
    """`bootc switch`: the same as an upgrade, from somewhere else. It never looks at layered packages; so does bootc."""
    host.require_root()
    signature = "containerPolicy" if options["enforce-container-sigpolicy"] else None
    target = ImageReference(options["transport"], options["target"], signature)
    if options["mutate-in-place"] and not host.is_booted_host():
        with context("Switching"), context("Writing origin"):
            _mutate_installed(target)
        return
    host.require_booted()
    sysroot = Sysroot()
    with context("Switching"):
        deployments = sysroot.deployments()
        if options["mutate-in-place"]:
            with context("Writing origin"):
                booted = host.booted_of(deployments)
                path = os.path.join(host.DEPLOYMENTS, booted.stateroot, "deploy", f"{booted.name}.origin")
                _mutate_origin(path, target)
            return
        with context("Switching (ostree)"):
            apply = _switch(sysroot, deployments, target)
            if apply:
                soft_reboot.prepare(options["soft-reboot"])
    if apply and options["apply"]:
        host.reboot()


def _switch(sysroot: Sysroot, deployments: list[Deployment], target: ImageReference) -> bool:
    """True when there is something to boot into."""
    current = host.staged_of(deployments) or host.booted_of(deployments)
    if current.reference is not None and not current.layered and parse_origin(current.reference) == target:
        print("Image specification is unchanged.")
        return current.staged
    old = "nothing" if current.reference is None else parse_origin(current.reference).human()
    log(f"Switching from image {old} to {target.human()}")
    invalid = invalid_reference(target.image) if target.transport == "registry" else None
    if invalid is not None:
        print(f'Error: parsing reference "{target.image}": {invalid}', file=sys.stderr)
        raise BootcError(invalid)
    host.refuse_after_failed_finalize()
    host.make_sysroot_writable()
    with ImageProxy() as proxy:
        image = open_remote(proxy, target)
        commit = pull(proxy, sysroot, image, target)
    stage(sysroot, deployments, image, target, commit or sysroot.ref_commit(image_ref(target)), False)
    return True


def _mutate_installed(target: ImageReference) -> None:
    """Nothing is booted, as in an installer's %post: the newest deployment is meant (bootc-dev/bootc, `deploy.rs`)."""
    origins = glob.glob("/sysroot/ostree/deploy/*/deploy/*.origin")
    if not origins:
        raise BootcError("Failed to find deployment")
    _mutate_origin(max(origins, key=os.path.getmtime), target)


def _mutate_origin(path: str, target: ImageReference) -> None:
    """Writes where the deployment is. /sysroot is not opened for it, so on a booted host it is read-only, as with bootc."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(path), delete=False) as draft:
            draft.write(origin_text(target))
        os.chmod(draft.name, 0o644)
        os.replace(draft.name, path)
    except OSError as error:
        raise BootcError(os_error(error)) from error
    print(f"Updated {os.path.basename(path).removesuffix('.origin')} to pull from {target.origin()}")
