"""The command line: which verbs and options there are, and clap's way of refusing others."""
import sys

from .errors import BootcError, UsageError, context
from .words import similar

VERSION = "bootc 1.16.9 (bootgate stand-in)"
# option -> None for a flag, "one" for a value, "many" for a repeatable value
_FLAG, _ONE, _MANY = None, "one", "many"
_VERBS = {
    "status": {"format": _ONE, "format-version": _ONE, "json": _FLAG, "booted": _FLAG, "verbose": _FLAG},
    "upgrade": {
        "check": _FLAG, "apply": _FLAG, "download-only": _FLAG, "from-downloaded": _FLAG, "quiet": _FLAG, "tag": _ONE,
    },
    "switch": {
        "transport": _ONE, "enforce-container-sigpolicy": _FLAG, "retain": _FLAG, "apply": _FLAG,
        "mutate-in-place": _FLAG, "quiet": _FLAG,
    },
    "rollback": {"apply": _FLAG},
    "usr-overlay": {"read-only": _FLAG},
    "standin-import": {"sysroot": _ONE, "source": _ONE},
    "standin-install": {"sysroot": _ONE, "source": _ONE, "target-imgref": _ONE, "karg": _MANY},
}  # fmt: skip
# What real bootc has and this does not. It is refused in words that nobody takes for bootc's.
_ABSENT_VERBS = ("edit", "image", "install", "container", "loader-entries", "completion", "exec-in-host-mount-namespace")
_ABSENT_OPTIONS = ("soft-reboot", "progress-fd")
_ALIASES = {"update": "upgrade", "usroverlay": "usr-overlay"}
_SHORT = {"-v": "verbose", "-q": "quiet"}
_CHOICES = {
    "format": ("humanreadable", "yaml", "json"),
    "transport": ("registry", "oci", "oci-archive", "docker-archive", "dir", "containers-storage"),
}
_CONFLICTS = {
    "check": ("apply", "download-only", "from-downloaded"),
    "download-only": ("apply", "check", "from-downloaded"),
    "from-downloaded": ("check", "download-only"),
}
_HELP = """Deploy and transactionally in-place with bootable container images.
(bootgate stand-in, not the real bootc)

Usage: bootc <COMMAND>

Commands:
  upgrade      Download and queue an updated container image to apply [aliases: update]
  switch       Target a new container image reference to boot
  rollback     Change the bootloader entry ordering
  status       Display status
  usr-overlay  Add a transient writable overlayfs on `/usr` [aliases: usroverlay]

Options:
  -h, --help     Print help
  -V, --version  Print version"""


def _not_here(what: str) -> BootcError:
    return BootcError(f"'{what}' is not in bootgate's stand-in for bootc; the real bootc has it")


def _parse_option(verb: str, word: str, rest: list[str], options: dict) -> None:
    name, has_value, value = word.partition("=")
    key = _SHORT.get(name, name.removeprefix("--") if name.startswith("--") else "")
    usage = f"bootc {verb} [OPTIONS]"
    if key in _ABSENT_OPTIONS and verb in ("upgrade", "switch", "rollback"):
        raise _not_here(f"bootc {verb} --{key}")
    if key not in _VERBS[verb]:
        raise UsageError(f"unexpected argument '{name}' found", usage)
    kind = _VERBS[verb][key]
    if kind is _FLAG:
        if has_value:
            raise UsageError(f"unexpected value '{value}' for '{name}' found; no more were expected", usage)
        options[key] = True
        return
    if not has_value:
        if not rest:
            raise UsageError(f"a value is required for '{name} <{key.upper()}>' but none was supplied", usage)
        value = rest.pop(0)
    if value not in _CHOICES.get(key, (value,)):
        allowed, guess = ", ".join(_CHOICES[key]), similar(value, _CHOICES[key])
        tip = f"\n\n  tip: a similar value exists: '{guess}'" if guess else ""
        raise UsageError(
            f"invalid value '{value}' for '--{key} <{key.upper()}>'\n  [possible values: {allowed}]{tip}", None
        )
    options[key] = [*options[key], value] if kind == _MANY else value


def parse(verb: str, words: list[str]) -> dict:
    """The options of a verb; `target` is the only positional argument there is, of `switch`."""
    empty = {_FLAG: False, _ONE: None, _MANY: []}
    options = {key: empty[kind] for key, kind in _VERBS[verb].items()}
    rest, positional, given = list(words), [], []
    while rest:
        word = rest.pop(0)
        if word.startswith("-") and word != "-":
            _parse_option(verb, word, rest, options)
            given.append(word.partition("=")[0].removeprefix("--"))
        else:
            positional.append(word)
    if len(positional) > (1 if verb == "switch" else 0):
        raise UsageError(f"unexpected argument '{positional[-1]}' found", f"bootc {verb} [OPTIONS]")
    if verb == "switch":
        if not positional:
            missing = "the following required arguments were not provided:\n  <TARGET>"
            raise UsageError(missing, "bootc switch [OPTIONS] <TARGET>")
        options["target"] = positional[0]
    for first in given:
        for second in _CONFLICTS.get(first, ()):
            if second in given:
                raise UsageError(f"the argument '--{first}' cannot be used with '--{second}'", f"bootc {verb} [OPTIONS]")
    return options


def _status(options: dict) -> None:
    from . import host, render, status
    from .ostree import Sysroot

    version = options["format-version"]
    if version not in (None, "0", "1"):
        raise BootcError(f"Unsupported format version: {version}")
    host.require_root()
    shape = status.empty_host()
    if host.is_booted_host():
        sysroot = Sysroot()
        shape = status.host_status(sysroot, sysroot.deployments())
    if options["booted"]:
        shape["status"]["staged"] = shape["status"]["rollback"] = None
    kind = "json" if options["json"] else options["format"]
    if kind is None:
        kind = "humanreadable" if sys.stdout.isatty() else "yaml"
    if kind == "json":
        text = render.to_json(shape)
    else:
        text = render.to_yaml(shape) if kind == "yaml" else render.to_human(shape, options["verbose"])
    sys.stdout.buffer.write(text.encode())


def _run(verb: str, options: dict) -> None:
    if verb == "status":
        with context("Status"):
            _status(options)
    elif verb in ("upgrade", "switch"):
        from . import upgrade

        if verb == "switch":
            options["transport"] = options["transport"] or "registry"
        getattr(upgrade, verb)(options)
    elif verb in ("rollback", "usr-overlay"):
        from . import rollback

        (rollback.rollback if verb == "rollback" else rollback.usr_overlay)(options)
    else:
        from . import install

        (install.standin_import if verb == "standin-import" else install.standin_install)(options)


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_HELP, file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    if words[0] in ("-V", "--version"):
        print(VERSION)
        return 0
    verb, rest = words[0], words[1:]
    if verb == "internals":
        verb, rest = (rest[0] if rest else ""), rest[1:]
    verb = _ALIASES.get(verb, verb)
    if words[0] in _ABSENT_VERBS or (words[0] == "internals" and verb and verb not in _VERBS):
        raise _not_here(" ".join(["bootc", *words[:2]] if words[0] == "internals" else ["bootc", verb]))
    if verb not in _VERBS or (verb.startswith("standin-") and words[0] != "internals"):
        raise UsageError(f"unrecognized subcommand '{words[0]}'", "bootc <COMMAND>")
    if "-h" in rest or "--help" in rest:
        print(_HELP)
        return 0
    _run(verb, parse(verb, rest))
    return 0


def main(words: list[str]) -> int:
    """Runs one command and returns its exit code: 0, 1 for an error, 2 for a wrong command line."""
    try:
        return _dispatch(words)
    except BootcError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except UsageError as error:
        usage = f"\n\nUsage: {error.usage}" if error.usage else ""
        print(f"error: {error}{usage}\n\nFor more information, try '--help'.", file=sys.stderr)
        return 2
