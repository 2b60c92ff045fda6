"""`bootc upgrade` and `bootc switch`: look, pull, stage."""
import json
import os
import tempfile

from . import host
from .errors import BootcError
from .imgref import ImageReference, parse_origin
from .importer import RemoteImage, import_image, missing_layers, open_remote, prune
from .ostree import Deployment, Sysroot, run_ostree
from .proxy import ImageProxy
from .status import image_status

_UNITS = ("B", "KiB", "MiB", "GiB")


def human_size(count: int) -> str:
    """Bytes for people."""
    size, unit = float(count), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{count} bytes" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def _sizes(layers: list[dict]) -> str:
    return human_size(sum(layer["size"] for layer in layers))


def manifest_diff(old: list[dict], new: list[dict]) -> str:
    """The three lines that compare two lists of layers."""
    old_digests, new_digests = {layer["digest"] for layer in old}, {layer["digest"] for layer in new}
    removed = [layer for layer in old if layer["digest"] not in new_digests]
    added = [layer for layer in new if layer["digest"] not in old_digests]
    return (
        f"Total new layers: {len(new):<4}  Size: {_sizes(new)}\n"
        f"Removed layers:   {len(removed):<4}  Size: {_sizes(removed)}\n"
        f"Added layers:     {len(added):<4}  Size: {_sizes(added)}"
    )


def _layers_of(deployment: Deployment) -> list[dict]:
    return json.loads(deployment.metadata.get("ostree.manifest", '{"layers":[]}'))["layers"]


def _version_lines(image: RemoteImage) -> str:
    version = (image.config.get("config", {}).get("Labels") or {}).get("org.opencontainers.image.version")
    return (f"  Version: {version}\n" if version else "") + f"  Digest: {image.digest}"


def _notice_labels(image: RemoteImage) -> None:
    if "containers.bootc" not in (image.config.get("config", {}).get("Labels") or {}):
        print("notice: Image is missing label: containers.bootc", flush=True)


def _check_space(sysroot: Sysroot, image: RemoteImage, reference: ImageReference) -> None:
    # A compressed layer needs about three times its size unpacked; upstream reads the exact figure from annotations.
    facts = os.statvfs(sysroot.repo)
    available = facts.f_bavail * facts.f_frsize
    required = sum(3 * layer["size"] for layer in missing_layers(sysroot, image))
    if required > available:
        raise BootcError(
            f"Insufficient free space for {reference.human()} "
            f"(available: {human_size(available)} required: {human_size(required)})"
        )


def pull(proxy: ImageProxy, sysroot: Sysroot, image: RemoteImage, reference: ImageReference) -> str:
    """Imports an opened image and says what is needed, as bootc does."""
    needed = missing_layers(sysroot, image)
    present = len(image.layers) - len(needed)
    if needed:
        print(f"layers already present: {present}; layers needed: {len(needed)} ({_sizes(needed)})", flush=True)
    _check_space(sysroot, image, reference)
    return import_image(proxy, sysroot, image, reference)


def stage(sysroot: Sysroot, booted: Deployment, commit: str, origin: str, locked: bool) -> None:
    """Stages a commit; ostree-finalize-staged.service completes it at shutdown. Kernel arguments are kept."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as draft:
        draft.write(origin)
        draft.flush()
        run_ostree(
            "admin", "deploy", "--stage", f"--os={booted.stateroot}", f"--origin-file={draft.name}",
            *(["--lock-finalization"] if locked else []), commit,
        )  # fmt: skip


def origin_text(reference: ImageReference) -> str:
    """A fresh origin file: the image reference and nothing else, so that local modifications are dropped."""
    return f"[origin]\ncontainer-image-reference={reference.origin()}\n"


def _pull_and_stage(
    proxy: ImageProxy, sysroot: Sysroot, deployments: list[Deployment], image: RemoteImage,
    reference: ImageReference, locked: bool,
) -> None:  # fmt: skip
    booted = host.booted_of(deployments)
    _notice_labels(image)
    commit = pull(proxy, sysroot, image, reference)
    # Forgotten before staging, since staging ends with ostree's clean-up.
    manifests = [entry.metadata["ostree.manifest"] for entry in deployments if "ostree.manifest" in entry.metadata]
    followed = {entry.reference for entry in deployments if entry.reference is not None}
    prune(sysroot, [*manifests, image.manifest_text], {*followed, reference.origin()})
    stage(sysroot, booted, commit, origin_text(reference), locked)
    host.note_reboot_required(image.digest)
    print(manifest_diff(_layers_of(booted), image.layers))
    print(f"Queued for next boot: {reference.human()}\n{_version_lines(image)}", flush=True)


def _check(proxy: ImageProxy, booted: Deployment, reference: ImageReference) -> None:
    image = open_remote(proxy, reference)
    if image.digest == booted.digest:
        print(f"No changes in: {reference.skopeo()}")
        return
    status = image_status(reference.json(), image.digest, image.config_text)
    host.note_cached_update(booted, status)
    print(f"Update available for: {reference.skopeo()}\n{_version_lines(image)}")
    print(manifest_diff(_layers_of(booted), image.layers))


def _unlock(staged: Deployment | None) -> None:
    if staged is None:
        raise BootcError("Upgrading: No staged deployment found")
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
    deployments = sysroot.deployments()
    booted, staged = host.booted_of(deployments), host.staged_of(deployments)
    if booted.layered or (staged is not None and staged.layered):
        raise BootcError(host.LAYERED)
    reference = host.reference_of(staged or booted)
    if options["from-downloaded"]:
        _unlock(staged)
        if options["apply"]:
            host.reboot()
        return
    if options["check"]:
        with ImageProxy() as proxy:
            _check(proxy, booted, reference)
        return
    host.refuse_after_failed_finalize()
    host.make_sysroot_writable()
    changed = _upgrade_now(sysroot, deployments, reference, options["download-only"])
    if options["apply"] and (changed or staged is not None):
        host.reboot()


def _upgrade_now(
    sysroot: Sysroot, deployments: list[Deployment], reference: ImageReference, download_only: bool
) -> bool:
    booted, staged = host.booted_of(deployments), host.staged_of(deployments)
    with ImageProxy() as proxy:
        image = open_remote(proxy, reference)
        if staged is not None and staged.digest == image.digest:
            _same_as_staged(staged, download_only)
            return False
        if booted.digest == image.digest and booted.reference == reference.origin():
            print(f"No changes in {reference.human()} => {image.digest}\nNo update available.")
            return False
        _pull_and_stage(proxy, sysroot, deployments, image, reference, download_only)
    if download_only:
        print("Image downloaded, but will not be applied on reboot")
    return True


def switch(options: dict) -> None:
    """`bootc switch`: the same as an upgrade, from somewhere else. It never looks at layered packages; so does bootc."""
    host.require_root()
    host.require_booted()
    sysroot = Sysroot()
    deployments = sysroot.deployments()
    booted, staged = host.booted_of(deployments), host.staged_of(deployments)
    signature = "containerPolicy" if options["enforce-container-sigpolicy"] else None
    target = ImageReference(options["transport"], options["target"], signature)
    if signature is not None:
        _require_strict_policy()
    if options["mutate-in-place"]:
        host.make_sysroot_writable()
        _mutate_origin(sysroot, booted, target)
        return
    current = (staged or booted).reference
    if current is not None and not (staged or booted).layered and parse_origin(current) == target:
        print("Image specification is unchanged.")
    else:
        host.refuse_after_failed_finalize()
        host.make_sysroot_writable()
        with ImageProxy() as proxy:
            _pull_and_stage(proxy, sysroot, deployments, open_remote(proxy, target), target, False)
        staged = booted
    if options["apply"] and staged is not None:
        host.reboot()


def _require_strict_policy() -> None:
    with open("/etc/containers/policy.json", encoding="utf-8") as stream:
        default = json.load(stream)["default"]
    if any(rule["type"] == "insecureAcceptAnything" for rule in default):
        raise BootcError(
            "containers-policy.json specifies a default of `insecureAcceptAnything`; refusing usage"
        )


def _mutate_origin(sysroot: Sysroot, booted: Deployment, target: ImageReference) -> None:
    path = os.path.join("/ostree/deploy", booted.stateroot, "deploy", f"{booted.name}.origin")
    with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(path), delete=False) as draft:
        draft.write(origin_text(target))
    os.chmod(draft.name, 0o644)
    os.replace(draft.name, path)
    print(f"Updated {booted.stateroot}-{booted.name} to pull from {target.human()}")
