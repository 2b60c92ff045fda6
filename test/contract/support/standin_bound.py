"""The bound images of the stand-in on an image that a test describes: `ostree`, `podman`, `mount` and `umount` are scripts, everything
above is the stand-in's own code. Reads the cases on stdin, prints how each ended and which podman was called."""
import contextlib
import io
import json
import os
import sys
import tempfile

given = json.load(sys.stdin)
sys.dont_write_bytecode = True
sys.path.insert(0, given["standin"])

from bootgate_standin import bound  # noqa: E402
from bootgate_standin.errors import BootcError  # noqa: E402
from bootgate_standin.ostree import Sysroot  # noqa: E402

OSTREE = """#!/usr/bin/python3
import os, sys
root, (verb, _commit, path) = os.environ["BOOTGATE_IMAGE"], sys.argv[2:]
place = root + path
if not os.path.lexists(place):
    sys.exit(f"error: Inspecting path '{path}': No such file or directory: {path}")
def tell(name):
    if os.path.islink(root + name):
        print(f"l00777 0 0      0 {name} -> {os.readlink(root + name)}")
    else:
        print(f"{'d' if os.path.isdir(root + name) else '-'}00644 0 0     12 {name}")
if verb == "cat":
    print(open(place).read(), end="")
else:
    tell(path)
    if os.path.isdir(place) and not os.path.islink(place):
        for name in sorted(os.listdir(place)):
            tell(f"{path}/{name}")
"""
# What it has is a line each in a file; what it cannot pull is in the environment.
PODMAN = """#!/usr/bin/python3
import json, os, sys
words = sys.argv[5:]
assert sys.argv[1:5:2] == ["--root", "--runroot"], sys.argv
assert open(os.environ["REGISTRY_AUTH_FILE"]).read() == "{}"
store = os.environ["BOOTGATE_STORE"]
have = open(store).read().split() if os.path.exists(store) else []
print(" ".join(words), file=open(store + ".calls", "a"))
if words[:2] == ["image", "exists"]:
    sys.exit(0 if words[2] in have else 1)
if words[:2] == ["image", "pull"]:
    if words[2] in os.environ["BOOTGATE_GONE"].split():
        sys.exit(f"Error: unable to copy from source docker://{words[2]}: manifest unknown")
    have.append(words[2])
if words[:2] == ["image", "list"]:
    print(json.dumps([{"Id": f"id-of-{name}", "Names": [name]} for name in have]))
if words[:2] == ["image", "rm"]:
    have = [name for name in have if f"id-of-{name}" not in words]
open(store, "w").write("\\n".join(have))
"""


class Deployed:
    checksum = "commit"


def build(image: str, entries: dict) -> None:
    """Path -> text of a file, or `-> target` for a link."""
    for name, text in entries.items():
        path = f"{image}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if text.startswith("-> "):
            os.symlink(text[3:], path)
        else:
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)


def tell(case: dict, root: str) -> dict:
    image, store = f"{root}/image", f"{root}/store"
    scripts = {"ostree": OSTREE, "mount": "#!/bin/sh\n", "umount": "#!/bin/sh\n"}
    if case.get("podman", True):
        scripts["podman"] = PODMAN
    os.makedirs(f"{root}/bin")
    for name, text in scripts.items():
        with open(f"{root}/bin/{name}", "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(f"{root}/bin/{name}", 0o755)
    os.environ.update(
        PATH=f"{root}/bin", BOOTGATE_IMAGE=image, BOOTGATE_STORE=store, BOOTGATE_GONE=" ".join(case.get("gone", []))
    )
    bound.STORAGE, bound._ALIAS, bound._AUTH_FILES = f"{root}/bootc/storage", f"{root}/run", ()
    build(image, case["image"])
    if "has" in case:
        os.makedirs(bound.STORAGE)
        with open(store, "w", encoding="utf-8") as stream:
            stream.write("\n".join(case["has"]))
    sysroot, out, error = Sysroot("/"), io.StringIO(), None
    sysroot.deployments = lambda: [Deployed]
    try:
        with contextlib.redirect_stdout(out):
            bound.pull_bound(sysroot, "commit")
            bound.prune_bound(sysroot)
    except BootcError as failure:
        error = str(failure)
    calls = []
    if os.path.exists(f"{store}.calls"):
        with open(f"{store}.calls", encoding="utf-8") as stream:
            calls = stream.read().splitlines()
    return {"error": error, "stdout": out.getvalue(), "calls": calls, "made": os.path.isdir(bound.STORAGE)}


told = []
for one in given["cases"]:
    with tempfile.TemporaryDirectory(prefix="bootgate-bound-") as folder:
        told.append(tell(one, folder))
json.dump(told, sys.stdout)
