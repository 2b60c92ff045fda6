"""Computes bootc's Host object (org.containers.bootc/v1) from the state of ostree. Nothing here is remembered or canned."""
import json
import os

from .imgref import parse_origin
from .ostree import Deployment, Sysroot

CACHED_UPDATE = "/var/lib/bootgate-standin/cached-updates.json"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_OVERLAYS = {
    "development": {"accessMode": "readWrite", "persistence": "transient"},
    "transient": {"accessMode": "readOnly", "persistence": "transient"},
    "hotfix": {"accessMode": "readWrite", "persistence": "persistent"},
}


def empty_host() -> dict:
    """What bootc says where nothing was booted through it."""
    return {
        "apiVersion": "org.containers.bootc/v1",
        "kind": "BootcHost",
        "metadata": {"name": "host"},
        "spec": {"image": None, "bootOrder": "default"},
        "status": {
            "staged": None, "booted": None, "rollback": None, "rollbackQueued": False,
            "type": None, "usrOverlay": None, "readOnly": False,
        },
    }  # fmt: skip


def utc_timestamp(text: str | None) -> str | None:
    """A time of an image configuration as bootc prints it: UTC with `Z`."""
    if not text:
        return None
    return text.replace("+00:00", "Z")


def image_status(reference: dict, digest: str, config_text: str) -> dict:
    """The ImageStatus of an image configuration."""
    config = json.loads(config_text)
    labels = config.get("config", {}).get("Labels") or {}
    created = labels.get("org.opencontainers.image.created") or config.get("created")
    machine = os.uname().machine
    return {
        "image": reference,
        "version": labels.get("org.opencontainers.image.version"),
        "timestamp": utc_timestamp(created),
        "imageDigest": digest,
        "architecture": config.get("architecture") or _ARCHITECTURES.get(machine, machine),
    }


def _image_of(deployment: Deployment) -> dict | None:
    if deployment.layered or deployment.reference is None or deployment.digest is None:
        return None
    reference = parse_origin(deployment.reference).json()
    return image_status(reference, deployment.digest, deployment.metadata["ostree.container.image-config"])


def noted_updates() -> dict:
    """What `upgrade --check` last saw, by the checksum of the deployment that looked."""
    try:
        with open(CACHED_UPDATE, encoding="utf-8") as stream:
            noted = json.load(stream)
    except (FileNotFoundError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def cached_update(deployment: Deployment) -> dict | None:
    """What `upgrade --check` last saw for this deployment."""
    note = noted_updates().get(deployment.checksum)
    return note["image"] if note is not None and note["reference"] == deployment.reference else None


def boot_entry(sysroot: Sysroot, deployment: Deployment, booted_files: set) -> dict:
    """The BootEntry of a deployment."""
    image = _image_of(deployment)
    return {
        "image": image,
        "cachedUpdate": cached_update(deployment) if image else None,
        "incompatible": deployment.layered,
        "pinned": deployment.pinned,
        "softRebootCapable": bool(booted_files) and sysroot.boot_files(deployment) == booted_files,
        "downloadOnly": deployment.staged and deployment.locked,
        "store": "ostreeContainer" if image else None,
        "ostree": {
            "stateroot": deployment.stateroot,
            "checksum": deployment.checksum,
            "deploySerial": deployment.serial,
        },
        "composefs": None,
    }


def host_status(sysroot: Sysroot, deployments: list[Deployment]) -> dict:
    """The whole Host object."""
    host = empty_host()
    status = host["status"]
    booted = next((entry for entry in deployments if entry.booted), None)
    if booted is None:
        return host
    staged = next((entry for entry in deployments if entry.staged), None)
    others = [entry for entry in deployments if entry not in (booted, staged)]
    rollback = next((entry for entry in others if not entry.pinned and entry.stateroot == booted.stateroot), None)
    files = sysroot.boot_files(booted)

    def entry(deployment: Deployment | None) -> dict | None:
        return None if deployment is None else boot_entry(sysroot, deployment, files)

    status["booted"], status["staged"], status["rollback"] = entry(booted), entry(staged), entry(rollback)
    rest = [entry(deployment) for deployment in others if deployment is not rollback]
    if rest:
        status["otherDeployments"] = rest
    status["rollbackQueued"] = rollback is not None and rollback.index < booted.index
    status["type"] = "bootcHost" if status["booted"]["image"] else None
    status["usrOverlay"] = _OVERLAYS.get(booted.unlocked)
    wanted = status["staged"] or status["booted"]
    host["spec"]["image"] = wanted["image"]["image"] if wanted["image"] else None
    host["spec"]["bootOrder"] = "rollback" if status["rollbackQueued"] else "default"
    return host
