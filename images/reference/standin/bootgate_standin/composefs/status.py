"""bootc's Host object on the composefs backend, from boot entries and origins (bootc-dev/bootc, `bootc_composefs/status.rs`)."""
import json
import os

from ..errors import BootcError
from ..imgref import parse_origin
from ..status import empty_host, utc_timestamp
from .boot import Entry, entries_in
from .storage import Booted, Storage, bootloader, find_staged, mounts


def _image(storage: Storage, origin: dict) -> dict:
    manifest_digest = origin["image"]["manifest_digest"]
    manifest, config = (json.loads(text) for text in storage.repo.image_texts(manifest_digest))
    return {
        "image": parse_origin(origin["origin"]["container-image-reference"]).json(),
        # Of the manifest's annotations, not of the configuration's labels: null for most images (bootc 1.16.9).
        "version": (manifest.get("annotations") or {}).get("org.opencontainers.image.version"),
        "timestamp": utc_timestamp(config.get("created")),
        "imageDigest": manifest_digest,
        "architecture": config["architecture"],
    }


def _boot_entry(storage: Storage, booted: Booted, digest: str) -> dict:
    origin = storage.origin(digest)
    return {
        "image": _image(storage, origin),
        "cachedUpdate": None,
        "incompatible": False,
        "pinned": False,
        "softRebootCapable": False,
        "downloadOnly": False,
        "store": None,
        "ostree": None,
        "composefs": {
            "verity": digest,
            "bootType": origin["boot"]["boot_type"].capitalize(),
            "bootloader": bootloader(),
            "bootDigest": origin["boot"]["digest"],
            "missingVerityAllowed": booted.insecure,
        },
    }


def _arguments(entry: Entry) -> list[str]:
    return sorted(word for word in entry["options"].split() if not word.startswith("composefs="))


def _note_soft_reboot(booted: dict, entries: dict[str, Entry], others: list[dict]) -> None:
    """The same kernel with the same arguments need not be started again."""
    own = booted["composefs"]
    for other in others:
        shape = other["composefs"]
        same_kernel = shape["bootDigest"] == own["bootDigest"]
        same_words = _arguments(entries[shape["verity"]]) == _arguments(entries[own["verity"]])
        other["softRebootCapable"] = same_kernel and same_words


def usr_overlay() -> dict | None:
    """Taken for granted to be transient, as bootc does."""
    if not any(point == "/usr" for _device, point, _source in mounts()):
        return None
    read_only = os.statvfs("/usr").f_flag & os.ST_RDONLY
    return {"accessMode": "readOnly" if read_only else "readWrite", "persistence": "transient"}


def host_status(storage: Storage, booted: Booted) -> dict:
    """The whole Host object."""
    host = empty_host()
    status = host["status"]
    entries = entries_in(storage.esp)
    by_digest = {entry.verity: entry for entry in [*entries_in(storage.esp, "entries.staged"), *entries]}
    if booted.digest not in by_digest:
        raise BootcError("Booted BLS not found")
    staged = find_staged()
    status["booted"] = _boot_entry(storage, booted, booted.digest)
    if staged is not None:
        status["staged"] = _boot_entry(storage, booted, staged.digest)
        status["staged"]["downloadOnly"] = staged.locked
    rollback = [entry.verity for entry in entries if entry.verity != booted.digest]
    if len(rollback) > 1:
        raise BootcError("Multiple extra entries in /boot, could not determine rollback entry")
    if rollback:
        status["rollback"] = _boot_entry(storage, booted, rollback[0])
    status["rollbackQueued"] = entries[0].verity != booted.digest
    status["usrOverlay"] = usr_overlay()
    _note_soft_reboot(status["booted"], by_digest, [entry for entry in (status["staged"], status["rollback"]) if entry])
    host["spec"]["image"] = status["booted"]["image"]["image"]
    host["spec"]["bootOrder"] = "rollback" if status["rollbackQueued"] else "default"
    return host
