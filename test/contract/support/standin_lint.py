"""`bootc container lint` of the stand-in on roots that a test describes. Reads them on stdin, prints how each run ended."""
import contextlib
import io
import json
import os
import sys
import tempfile

given = json.load(sys.stdin)
sys.dont_write_bytecode = True
sys.path.insert(0, given["standin"])

from bootgate_standin import cli, lint, lint_checks  # noqa: E402

_same_device = lint_checks._same_device


def build(root: str, entries: dict) -> None:
    """Path -> text of a file, `-> target` for a link, null for a folder; a later null with `!` in front takes one away."""
    for name, text in entries.items():
        path = os.path.join(os.fsencode(root), name.encode("latin-1"))
        if name.startswith("!"):
            target = os.path.join(root, name[1:])
            os.unlink(target) if os.path.islink(target) or os.path.isfile(target) else os.rmdir(target)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if text is None:
            os.makedirs(path, exist_ok=True)
        elif text.startswith("-> "):
            os.symlink(text[3:], path)
        else:
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)


def tell(case: dict) -> dict:
    # /var of a booted system is a mount, which the checks do not look into.
    mounted = case["mounts"]
    lint_checks._same_device = lambda root, path: path.split("/")[0] not in mounted and _same_device(root, path)
    with tempfile.TemporaryDirectory(prefix="bootgate-lint-") as root:
        build(root, case["root"])
        stdout, stderr = io.StringIO(), io.StringIO()
        run = lint.run
        if case["isRunning"]:
            lint.run = lambda _root, _kind, options: run(root, "Running", options)
        try:
            with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
                words = [] if case["isRunning"] else ["--rootfs", root]
                code = cli.main(["container", "lint", *words, *case["options"]])
        finally:
            lint.run = run
        return {"exitCode": code, "stdout": stdout.getvalue(), "stderr": stderr.getvalue()}


json.dump([tell(case) for case in given["cases"]], sys.stdout)
