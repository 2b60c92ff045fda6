"""`bootc container lint`: static checks of a root (bootc-dev/bootc, `crates/lib/src/lints.rs`; names and words as 1.16.9 has them)."""
import os
import sys
from collections import namedtuple

from . import lint_checks as checks
from .errors import BootcError, context

# `fatal` or `warning`; `root_type` where only a running root or only another one is looked at.
Lint = namedtuple("Lint", "name type check description root_type", defaults=(None,))

LINTS = (
    Lint("api-base-directories", "fatal", checks.api_directories, "The base directories of the API file systems, and /var, are there."),
    Lint("baseimage-composefs", "warning", checks.composefs, "composefs is enabled for ostree."),
    Lint("baseimage-root", "fatal", checks.root, "/sysroot is a directory, and /ostree links into it."),
    Lint("bootc-kargs", "fatal", checks.kargs, "The files of /usr/lib/bootc/kargs.d can be read."),
    Lint("buildah-injected", "warning", checks.injected, "/etc/hostname and /etc/resolv.conf are not empty files.", "Alternative"),
    Lint("etc-usretc", "fatal", checks.usr_etc, "Only one of /etc and /usr/etc is there."),
    Lint("kernel", "fatal", checks.kernel, "There is one kernel in /usr/lib/modules at most."),
    Lint("nonempty-boot", "warning", checks.boot, "/boot is there and empty."),
    Lint("nonempty-run-tmp", "warning", checks.runtime_only, "/run and /tmp are empty."),
    Lint("sysusers", "warning", checks.sysusers, "All users and groups of /etc are declared in sysusers.d."),
    Lint("utf8", "fatal", checks.utf8, "All names of files and targets of links are UTF-8."),
    Lint("var-log", "warning", checks.var_log, "There are no log files in /var/log."),
    Lint("var-run", "fatal", checks.var_run, "/var/run is a link, where it is there."),
    Lint("var-tmpfiles", "warning", checks.var_tmpfiles, "What is in /var is declared in tmpfiles.d.", "Running"),
)  # fmt: skip
# Found in one walk through all files, and told last.
_RECURSIVE = ("utf8",)


def show_list() -> None:
    """What checks there are, as YAML; the descriptions are the stand-in's own."""
    for entry in LINTS:
        print(f"- name: {entry.name}\n  type: {entry.type}\n  description: {entry.description}")
        if entry.root_type is not None:
            print(f"  root-type: {entry.root_type}")


def lint(options: dict) -> None:
    """Runs the checks. A check that cannot be made ends all, and nothing of the others is told; so does bootc."""
    if options["list"]:
        show_list()
        return
    if not os.path.isdir(options["rootfs"]):
        raise BootcError(f"{options['rootfs']}: No such file or directory (os error 2)")
    run(options["rootfs"], "Running" if options["rootfs"] == "/" else "Alternative", options)


def run(root: str, kind: str, options: dict) -> None:
    """The same for a root of this kind."""
    with context("Linting"):
        _run(root, kind, options)


def _run(root: str, kind: str, options: dict) -> None:
    chosen = [one for one in LINTS if one.name not in options["skip"] and one.root_type in (None, kind)]
    limit = None if options["no-truncate"] else 5
    failed = {"fatal": 0, "warning": 0}
    lines = []
    for one in sorted(chosen, key=lambda entry: (entry.name in _RECURSIVE, entry.name)):
        try:
            said = one.check(root, limit)
        except (BootcError, OSError, ValueError) as error:
            raise BootcError(f"Unexpected runtime error running lint {one.name}: {error}") from error
        if said is not None:
            failed[one.type] += 1
            lines.append(f"{'Failed lint' if one.type == 'fatal' else 'Lint warning'}: {one.name}: {said}")
    skipped = len(LINTS) - len(chosen)
    lines.append(f"Checks passed: {len(chosen) - sum(failed.values())}")
    lines += [f"Checks skipped: {skipped}"] if skipped else []
    lines += [f"Warnings: {failed['warning']}"] if failed["warning"] else []
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
    fatal = failed["fatal"] + (failed["warning"] if options["fatal-warnings"] else 0)
    if fatal:
        raise BootcError(f"Checks failed: {fatal}")
