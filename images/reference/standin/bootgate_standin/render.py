"""Prints a Host object as bootc does: canonical JSON, YAML, or the text for people. Pure functions only."""
import json
import re

_BULLET = "\u25cf"


def to_json(host: dict) -> str:
    """Canonical JSON: keys sorted, no spaces, no newline at the end."""
    return json.dumps(host, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def to_yaml(value, indent: int = 0) -> str:
    """YAML of plain data, enough for a Host object."""
    pad = "  " * indent
    lines = []
    for key, item in value.items():
        if isinstance(item, dict) and item:
            lines.append(f"{pad}{key}:\n{to_yaml(item, indent + 1)}")
        elif isinstance(item, list):
            rows = [f"{pad}- {to_yaml(entry, indent + 1).lstrip()}" for entry in item]
            lines.append(f"{pad}{key}:\n{''.join(rows)}")
        else:
            lines.append(f"{pad}{key}: {_scalar(item)}\n")
    return "".join(lines)


_NUMBER = re.compile(r"[-+]?(?:\d[\d_]*)?\.?\d*(?:[eE][-+]?\d+)?$|0[xo][0-9a-fA-F]+$|[-+]?\.(?:inf|nan)$")
_WORDS = ("", "~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE", "y", "n", "yes", "no", "on", "off")


def _scalar(item) -> str:
    if item is None:
        return "null"
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int):
        return str(item)
    # Only what YAML would read as something else than text is quoted.
    if item in _WORDS or _NUMBER.match(item) or item[:1] in "-?:,[]{}#&*!|>'\"%@` " or ": " in item or " #" in item:
        return "'" + item.replace("'", "''") + "'"
    return item


def _row(label: str, width: int, text: str) -> str:
    return f"{label.rjust(width)}: {text}\n"


def _human_time(timestamp: str) -> str:
    whole, _, rest = timestamp.partition(".")
    return f"{whole}Z" if rest else timestamp


def _version(image: dict) -> str:
    time = f" ({_human_time(image['timestamp'])})" if image["timestamp"] else ""
    return f"{image['version']}{time}"


def image_name(reference: dict) -> str:
    """A registry is the default and not named."""
    name = reference["image"]
    return name if reference["transport"] == "registry" else f"{reference['transport']}:{name}"


def _signature(signature) -> str:
    if isinstance(signature, dict):
        return f"ostree remote {signature['ostreeRemote']}"
    return {"containerPolicy": "container policy"}.get(signature, str(signature))


def _overlay_row(overlay: dict | None, width: int) -> str:
    if overlay is None:
        return ""
    access = "read/write" if overlay["accessMode"] == "readWrite" else "read-only"
    return _row("/usr overlay", width, f"{overlay['persistence']}, {access}")


def _verbose_rows(entry: dict, slot: str, width: int) -> str:
    ostree = entry["ostree"]
    if entry["composefs"] is not None:
        return _composefs_rows(entry, slot, width)
    rows = _row("StateRoot", width, ostree["stateroot"])
    rows += _row("Deploy serial", width, str(ostree["deploySerial"]))
    rows += _row("Staged", width, "yes" if slot == "staged" else "no")
    rows += _row("Commit", width, ostree["checksum"])
    rows += _row("Soft-reboot", width, "yes" if entry["softRebootCapable"] else "no")
    if slot == "staged":
        rows += _row("Download-only", width, "yes" if entry["downloadOnly"] else "no")
    signature = (entry["image"] or {}).get("image", {}).get("signature")
    return rows + (_row("Signature", width, _signature(signature)) if signature else "")


def _composefs_rows(entry: dict, slot: str, width: int) -> str:
    rows = _row("Soft-reboot", width, "yes" if entry["softRebootCapable"] else "no")
    if slot == "staged":
        rows += _row("Download-only", width, "yes" if entry["downloadOnly"] else "no")
    return rows + _row("FsVerity", width, "Not Enforced" if entry["composefs"]["missingVerityAllowed"] else "Enforced")


def _update_rows(entry: dict, width: int) -> str:
    update = entry["cachedUpdate"]
    if update is None or update["imageDigest"] == entry["image"]["imageDigest"]:
        return ""
    first = _row("UpdateVersion", width, _version(update)) if update["version"] else _row("Update", width, "Available")
    return first + _row("UpdateDigest", width, update["imageDigest"])


def _slot_name(slot: str, noun: str) -> str:
    if slot == "booted":
        return f"{_BULLET} Booted {noun}"
    return f"   Other {noun}" if slot == "other" else f"  {slot.capitalize()} {noun}"


def _human_entry(entry: dict, slot: str, overlay: dict | None, verbose: bool) -> str:
    image = entry["image"]
    if image is None:
        title = _slot_name(slot, "ostree")
        width = len(title.encode())  # bytes, not letters: so does upstream
        return f"{title}\n" + _row("Commit", width, entry["ostree"]["checksum"]) + _overlay_row(overlay, width)
    title = _slot_name(slot, "image")
    width = len(title)
    text = f"{title}: {image_name(image['image'])}\n"
    text += _row("Digest", width, f"{image['imageDigest']} ({image['architecture']})")
    if entry["composefs"] is not None:
        text += _row("Verity", width, entry["composefs"]["verity"])
    if image["version"]:
        text += _row("Version", width, _version(image))
    elif image["timestamp"]:
        text += _row("Timestamp", width, _human_time(image["timestamp"]))
    text += _update_rows(entry, width)
    if entry["pinned"]:
        text += _row("Pinned", width, "yes")
    text += _overlay_row(overlay, width)
    return text + (_verbose_rows(entry, slot, width) if verbose else "")


def to_human(host: dict, verbose: bool = False) -> str:
    """The text for people: staged, booted, rollback, others, with an empty line between."""
    status = host["status"]
    if status["booted"] is None:
        return "System is not deployed via bootc.\n"
    slots = [(slot, status[slot]) for slot in ("staged", "booted", "rollback") if status[slot]]
    slots += [("other", entry) for entry in status.get("otherDeployments", [])]
    return "\n".join(
        _human_entry(entry, slot, status["usrOverlay"] if slot == "booted" else None, verbose) for slot, entry in slots
    )
