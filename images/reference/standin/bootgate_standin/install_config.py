"""How an image wants to be installed: `/usr/lib/bootc/install/*.toml` and the like, laid over each other
(bootc-dev/bootc, `install/config.rs`)."""
import json
import os
import sys

from .errors import BootcError, context

_BASES = ("/usr/lib", "/usr/local/lib", "/etc", "/run")
_KEYS = (
    "root-fs-type", "block", "filesystem", "kargs", "match-architectures", "ostree", "stateroot", "root-mount-spec",
    "boot-mount-spec", "bootupd", "bootloader", "discoverable-partitions", "enforce-container-sigpolicy",
)  # fmt: skip
_FILE_SYSTEMS = ("xfs", "ext4", "btrfs")


def _fragments() -> list[str]:
    """One path for each name, the later base wins; in the order of the names."""
    found = {}
    for base in _BASES:
        folder = os.path.join(base, "bootc/install")
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            if name.endswith(".toml") and not name.startswith("."):
                found[name] = os.path.join(folder, name)
    return [found[name] for name in sorted(found)]


def parse(path: str, text: str) -> dict | None:
    """The `[install]` section of one file, or None where it has none."""
    import tomllib  # costs time, and only an installer needs it

    quoted = json.dumps(path)
    try:
        section = tomllib.loads(text).get("install")
    except tomllib.TOMLDecodeError as error:
        raise BootcError(f"Parsing {quoted}: {error}") from error
    for key in [key for key in section or {} if key not in _KEYS]:
        print(f"warning: {quoted}: Unknown key install.{key}", file=sys.stderr)
        del section[key]
    kind = ((section or {}).get("filesystem", {}).get("root") or {}).get("type", (section or {}).get("root-fs-type"))
    if kind is not None and kind not in _FILE_SYSTEMS:
        expected = ", ".join(f"`{name}`" for name in _FILE_SYSTEMS)
        raise BootcError(f"Parsing {quoted}: unknown variant `{kind}`, expected one of {expected}")
    return section


def merge(sections: list[dict]) -> dict | None:
    """Later sections go over earlier ones; kernel arguments add up. None when nothing is for this machine."""
    merged: dict | None = None
    for section in sections:
        if os.uname().machine not in section.get("match-architectures", [os.uname().machine]):
            continue
        old = merged or {}
        merged = {**old, **section}
        for table in ("filesystem", "ostree", "bootupd"):
            if table in old and table in section:
                merged[table] = {**old[table], **section[table]}
        if "kargs" in old or "kargs" in section:
            merged["kargs"] = [*old.get("kargs", []), *section.get("kargs", [])]
    if merged is None:
        return None
    kind = root_type(merged) or merged.get("root-fs-type")
    if kind is not None:
        root = {**merged.get("filesystem", {}).get("root", {}), "type": kind}
        merged["filesystem"] = {**merged.get("filesystem", {}), "root": root}
        merged["root-fs-type"] = kind
    merged.setdefault("block", ["direct"])
    return merged


def root_type(config: dict) -> str | None:
    return config.get("filesystem", {}).get("root", {}).get("type")


def load() -> dict | None:
    """The configuration of the running system, or None when there is none."""
    sections = []
    with context("Loading configuration"):
        for path in _fragments():
            with open(path, encoding="utf-8") as stream:
                section = parse(path, stream.read())
            if section is not None:
                sections.append(section)
    return merge(sections)


def print_configuration(everything: bool) -> None:
    """`bootc install print-configuration`: one line of canonical JSON without what to-filesystem does itself."""
    config = load() or {}
    shown = {key: config.get(key) for key in _KEYS if key != "kargs"}
    if everything and "kargs" in config:
        shown["kargs"] = config["kargs"]
    sys.stdout.write(json.dumps(shown, sort_keys=True, separators=(",", ":")))
