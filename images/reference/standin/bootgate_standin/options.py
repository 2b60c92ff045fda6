"""The command line's grammar: which verbs and options there are, and clap's way of refusing others."""
from .errors import UsageError, not_here
from .words import similar

# option -> None for a flag, "one" for a value, "many" for a repeatable value
_FLAG, _ONE, _MANY = None, "one", "many"
_INSTALL = {
    "source-imgref": _ONE, "target-imgref": _ONE, "target-transport": _ONE, "target-no-signature-verification": _FLAG,
    "enforce-container-sigpolicy": _FLAG, "run-fetch-check": _FLAG, "skip-fetch-check": _FLAG, "disable-selinux": _FLAG,
    "karg": _MANY, "root-ssh-authorized-keys": _ONE, "generic-image": _FLAG, "bound-images": _ONE, "stateroot": _ONE,
    "bootupd-skip-boot-uuid": _FLAG, "bootloader": _ONE, "composefs-backend": _FLAG, "allow-missing-verity": _FLAG,
    "uki-addon": _MANY,
}  # fmt: skip
VERBS = {
    "status": {"format": _ONE, "format-version": _ONE, "json": _FLAG, "booted": _FLAG, "verbose": _FLAG},
    "upgrade": {
        "check": _FLAG, "apply": _FLAG, "download-only": _FLAG, "from-downloaded": _FLAG, "quiet": _FLAG, "tag": _ONE,
        "soft-reboot": _ONE,
    },
    "switch": {
        "transport": _ONE, "enforce-container-sigpolicy": _FLAG, "retain": _FLAG, "apply": _FLAG,
        "mutate-in-place": _FLAG, "quiet": _FLAG, "soft-reboot": _ONE,
    },
    "rollback": {"apply": _FLAG},
    "usr-overlay": {"read-only": _FLAG},
    "composefs-finalize-staged": {},
    "container lint": {
        "rootfs": _ONE, "fatal-warnings": _FLAG, "list": _FLAG, "skip": _MANY, "no-truncate": _FLAG,
    },
    "install to-disk": {
        **_INSTALL, "wipe": _FLAG, "block-setup": _ONE, "filesystem": _ONE, "root-size": _ONE, "via-loopback": _FLAG,
    },
    "install to-filesystem": {
        **_INSTALL, "root-mount-spec": _ONE, "boot-mount-spec": _ONE, "replace": _ONE, "acknowledge-destructive": _FLAG,
        "skip-finalize": _FLAG,
    },
    "install finalize": {},
    "install print-configuration": {"all": _FLAG},
    "standin-import": {"sysroot": _ONE, "source": _ONE},
    "standin-install": {"sysroot": _ONE, "source": _ONE, "target-imgref": _ONE, "karg": _MANY},
}  # fmt: skip
_POSITIONAL = {
    "switch": "TARGET", "install to-disk": "DEVICE", "install to-filesystem": "ROOT_PATH", "install finalize": "ROOT_PATH",
}  # fmt: skip
_ABSENT_OPTIONS = ("soft-reboot", "progress-fd")
_SHORT = {"-v": "verbose", "-q": "quiet"}
_DEFAULTS = {"target-transport": "registry", "bound-images": "stored", "rootfs": "/"}
_CHOICES = {
    "format": ("humanreadable", "yaml", "json"),
    "transport": ("registry", "oci", "oci-archive", "docker-archive", "dir", "containers-storage"),
    "soft-reboot": ("required", "auto"),
    "filesystem": ("xfs", "ext4", "btrfs"),
    "block-setup": ("direct", "tpm2-luks"),
    "bootloader": ("grub", "grub-cc", "systemd", "none"),
    "bound-images": ("stored", "skip", "pull"),
    "replace": ("wipe", "alongside"),
}
_HIDDEN_CHOICES = ("skip",)
_CONFLICTS = {
    "check": ("apply", "download-only", "from-downloaded"),
    "download-only": ("apply", "check", "from-downloaded"),
    "from-downloaded": ("check", "download-only"),
}
_REQUIRES = {"allow-missing-verity": "composefs-backend", "uki-addon": "composefs-backend"}


def _usage(verb: str) -> str:
    target = _POSITIONAL.get(verb)
    return f"bootc {verb} [OPTIONS]" + (f" <{target}>" if target is not None and verb != "switch" else "")


def _value_name(key: str) -> str:
    return key.upper().replace("-", "_")


def _choose(key: str, value: str) -> str:
    if value in _CHOICES.get(key, (value,)):
        return value
    allowed = [choice for choice in _CHOICES[key] if choice not in _HIDDEN_CHOICES]
    guess = similar(value, tuple(allowed))
    tip = f"\n\n  tip: a similar value exists: '{guess}'" if guess else ""
    raise UsageError(
        f"invalid value '{value}' for '--{key} <{_value_name(key)}>'\n  [possible values: {', '.join(allowed)}]{tip}", None
    )


def _parse_option(verb: str, word: str, rest: list[str], options: dict) -> None:
    name, has_value, value = word.partition("=")
    key = _SHORT.get(name, name.removeprefix("--") if name.startswith("--") else "")
    if key in _ABSENT_OPTIONS and key not in VERBS[verb] and verb in ("upgrade", "switch", "rollback"):
        raise not_here(f"bootc {verb} --{key}")
    if key not in VERBS[verb]:
        raise UsageError(f"unexpected argument '{name}' found", _usage(verb))
    kind = VERBS[verb][key]
    if kind is _FLAG:
        if has_value:
            raise UsageError(f"unexpected value '{value}' for '{name}' found; no more were expected", _usage(verb))
        options[key] = True
        return
    if not has_value:
        if not rest:
            raise UsageError(f"a value is required for '{name} <{_value_name(key)}>' but none was supplied", None)
        value = rest.pop(0)
    value = _choose(key, value)
    options[key] = [*options[key], value] if kind == _MANY else value


def _check(verb: str, given: list[str]) -> None:
    for first in given:
        for second in _CONFLICTS.get(first, ()):
            if second in given:
                raise UsageError(f"the argument '--{first}' cannot be used with '--{second}'", _usage(verb))
        needed = _REQUIRES.get(first, first)
        if needed not in given:
            raise UsageError(f"the following required arguments were not provided:\n  --{needed}", _usage(verb))


def parse(verb: str, words: list[str]) -> dict:
    """The options of a verb; `target` is its only positional argument, where it has one."""
    empty = {_FLAG: False, _ONE: None, _MANY: []}
    options = {key: _DEFAULTS.get(key, empty[kind]) for key, kind in VERBS[verb].items()}
    rest, positional, given = list(words), [], []
    while rest:
        word = rest.pop(0)
        if word == "--":
            positional, rest = [*positional, *rest], []
        elif word.startswith("-") and word != "-":
            _parse_option(verb, word, rest, options)
            given.append(word.partition("=")[0].removeprefix("--"))
        else:
            positional.append(word)
    target = _POSITIONAL.get(verb)
    if len(positional) > (0 if target is None else 1):
        raise UsageError(f"unexpected argument '{positional[-1]}' found", _usage(verb))
    if target is not None:
        if not positional:
            missing = f"the following required arguments were not provided:\n  <{target}>"
            raise UsageError(missing, f"bootc {verb} [OPTIONS] <{target}>" if verb == "switch" else f"bootc {verb} <{target}>")
        options["target"] = positional[0]
    _check(verb, given)
    return options
