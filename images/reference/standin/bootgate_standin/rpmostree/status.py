"""`rpm-ostree status`, computed from ostree: the keys of `--json` are those of rpm-ostree's daemon
(coreos/rpm-ostree, `src/daemon/rpmostreed-deployment-utils.cxx`)."""
import json

from ..ostree import Deployment, Sysroot
from .layer import effect_of
from .origin import LAYERED, base_of, wish_of
from .tree import evr

_EMPTY = ("requested-packages", "requested-local-fileoverride-packages", "initramfs-etc")


def deployment_status(sysroot: Sysroot, deployment: Deployment) -> dict:
    """One entry of `deployments`."""
    layered = bool(deployment.metadata.get(LAYERED))
    base = base_of(sysroot, deployment)
    base_metadata = sysroot.commit_metadata(base)
    wish, effect = wish_of(deployment), effect_of(deployment)
    shape = {
        "id": f"{deployment.stateroot}-{deployment.name}",
        "osname": deployment.stateroot,
        "checksum": deployment.checksum,
        "serial": deployment.serial,
        "booted": deployment.booted,
        "staged": deployment.staged,
        "pinned": deployment.pinned,
        "unlocked": deployment.unlocked,
        "version": _version(deployment.metadata),
        "requested-local-packages": sorted(wish.local),
        "requested-base-removals": list(wish.removals),
        "requested-base-local-replacements": sorted(wish.replacements),
        "base-removals": effect.removed,
        # The new one before the one that it replaced.
        "base-local-replacements": effect.replaced,
        # The names that were layered on demand; those from a file are told apart.
        "packages": [],
        "base-remote-replacements": {},
        "regenerate-initramfs": False,
        "base-commit-meta": {"ostree.manifest-digest": base_metadata.get("ostree.manifest-digest")},
        **{key: [] for key in _EMPTY},
    }
    if layered:
        shape["base-checksum"] = base
        shape["base-version"] = _version(base_metadata)
        shape["layered-commit-meta"] = {LAYERED: True}
    if deployment.reference is not None:
        shape["container-image-reference"] = deployment.reference
        shape["container-image-reference-digest"] = base_metadata.get("ostree.manifest-digest")
    return shape


def _version(metadata: dict) -> str | None:
    if isinstance(metadata.get("version"), str):
        return metadata["version"]
    config = json.loads(metadata.get("ostree.container.image-config", "{}"))
    return (config.get("config", {}).get("Labels") or {}).get("org.opencontainers.image.version")


def to_json(sysroot: Sysroot) -> str:
    deployments = [deployment_status(sysroot, entry) for entry in sysroot.deployments()]
    shape = {"deployments": deployments, "transaction": None, "cached-update": None, "update-driver": None}
    return json.dumps(shape, indent=2)


def to_text(sysroot: Sysroot) -> str:
    """The same for people, shorter than the real one's."""
    lines = ["State: idle", "Deployments:"]
    for entry in sysroot.deployments():
        shape = deployment_status(sysroot, entry)
        lines.append(f"{'●' if entry.booted else ' '} {entry.reference or 'unknown'}")
        lines.append(f"                   Version: {shape['version']}")
        effect = effect_of(entry)
        told = {
            "RemovedBasePackages": [f"{one.name} {evr(one)}" for one in effect.removed],
            "LocalOverrides": [f"{new.name} {evr(old)} -> {evr(new)}" for new, old in effect.replaced],
            "LocalPackages": shape["requested-local-packages"],
        }
        lines += [f"{title:>26}: {' '.join(names)}" for title, names in told.items() if names]
    return "\n".join(lines)
