"""The command line: from its words to the verb that does the work, and from how that ends to an exit code."""
import os
import sys

from .errors import BootcError, UsageError, context, not_here
from .options import VERBS, parse

VERSION = "bootc 1.16.9 (bootgate stand-in)"
# What real bootc has and this does not.
_ABSENT_VERBS = ("edit", "image", "loader-entries", "completion", "exec-in-host-mount-namespace")
_ABSENT_INSTALLS = ("to-existing-root", "reset", "ensure-completion")
_ABSENT_OF_CONTAINERS = ("inspect", "ukify", "export")
_ALIASES = {"update": "upgrade", "usroverlay": "usr-overlay"}
_HELP = """Deploy and transactionally in-place with bootable container images.
(bootgate stand-in, not the real bootc)

Usage: bootc <COMMAND>

Commands:
  upgrade      Download and queue an updated container image to apply [aliases: update]
  switch       Target a new container image reference to boot
  rollback     Change the bootloader entry ordering
  status       Display status
  usr-overlay  Add a transient writable overlayfs on `/usr` [aliases: usroverlay]
  install      Install the running container to a target
  container    Operations which can be executed as part of a container build

Options:
  -h, --help     Print help
  -V, --version  Print version"""

_INSTALL_HELP = """Install the running container to a target.
(bootgate stand-in, not the real bootc)

Usage: bootc install <COMMAND>

Commands:
  to-disk              Install to the target block device
  to-filesystem        Install to an externally created filesystem structure
  finalize             Execute this as the penultimate step of an installation using `install to-filesystem`
  print-configuration  Output JSON to stdout that contains the merged installation configuration

Options:
  -h, --help  Print help"""


def _status(options: dict) -> None:
    from . import host, render, status

    version = options["format-version"]
    if version not in (None, "0", "1"):
        raise BootcError(f"Unsupported format version: {version}")
    host.require_root()
    shape = status.empty_host()
    composefs = _booted_composefs()
    if composefs is not None:
        from .composefs.status import host_status
        from .composefs.storage import open_host

        with context("Getting composefs deployment status"):
            shape = host_status(open_host(composefs, writable=False), composefs)
    elif host.is_booted_host():
        from .ostree import Sysroot

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


def _booted_composefs():
    """What the composefs backend booted, or None; ostree leaves its mark where it booted."""
    from . import host

    if host.is_booted_host():
        return None
    from .composefs.storage import find_booted

    return find_booted()


def _run_composefs(verb: str, options: dict) -> bool:
    """The verbs that are others on the composefs backend. False where this system is not of that backend."""
    if verb not in ("upgrade", "switch", "rollback", "usr-overlay", "composefs-finalize-staged"):
        return False
    from . import host

    booted = None if os.path.exists("/run/.containerenv") else _booted_composefs()
    if booted is None:
        return False
    host.require_root()
    if options.get("soft-reboot") is not None:
        raise not_here(f"bootc {verb} --soft-reboot of the composefs backend")
    from .composefs import upgrade

    if verb == "composefs-finalize-staged":
        upgrade.finalize()
    elif verb == "usr-overlay":
        upgrade.mount_usr_overlay(options)
    else:
        if verb == "switch":
            options["transport"] = options["transport"] or "registry"
        getattr(upgrade, verb)(options, booted)
    return True


def _run(verb: str, options: dict) -> None:
    if _run_composefs(verb, options):
        return
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
    elif verb == "composefs-finalize-staged":
        raise BootcError("System not booted via bootc")
    elif verb == "container lint":
        from . import lint

        lint.lint(options)
    elif verb.startswith("install "):
        _run_install(verb.removeprefix("install "), options)
    else:
        from . import standin_verbs

        (standin_verbs.standin_import if verb == "standin-import" else standin_verbs.standin_install)(options)


def _run_install(verb: str, options: dict) -> None:
    if verb == "print-configuration":
        from . import install_config

        install_config.print_configuration(options["all"])
    elif verb == "finalize":
        from . import install

        install.finalize(options["target"])
    else:
        from . import install_targets

        (install_targets.to_disk if verb == "to-disk" else install_targets.to_filesystem)(options)


def _install_verb(words: list[str]) -> tuple[str, list[str]]:
    if words[0] in _ABSENT_INSTALLS:
        raise not_here(f"bootc install {words[0]}")
    if f"install {words[0]}" not in VERBS:
        raise UsageError(f"unrecognized subcommand '{words[0]}'", "bootc install <COMMAND>")
    return f"install {words[0]}", words[1:]


def _container_verb(words: list[str]) -> tuple[str, list[str]]:
    if not words:
        raise UsageError("'bootc container' requires a subcommand but one was not provided", "bootc container <COMMAND>")
    if words[0] in _ABSENT_OF_CONTAINERS:
        raise not_here(f"bootc container {words[0]}")
    if words[0] != "lint":
        raise UsageError(f"unrecognized subcommand '{words[0]}'", "bootc container <COMMAND>")
    return "container lint", words[1:]


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
    if words[0] == "install":
        if not rest or rest[0] in ("-h", "--help", "help"):
            print(_INSTALL_HELP, file=sys.stdout if rest else sys.stderr)
            return 0 if rest else 2
        verb, rest = _install_verb(rest)
    if words[0] == "container":
        verb, rest = _container_verb(rest)
    if words[0] in _ABSENT_VERBS or (words[0] == "internals" and verb and verb not in VERBS):
        raise not_here(" ".join(["bootc", *words[:2]] if words[0] == "internals" else ["bootc", verb]))
    if verb not in VERBS or (verb.startswith("standin-") and words[0] != "internals"):
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
