"""Makes the commit of a layered deployment: a checkout of the base, rpm in it, and a commit of the result."""
import hashlib
import os
import shutil
import subprocess
import tempfile

from ..errors import BootcError
from ..ostree import Sysroot, run_ostree
from .origin import LAYERED

# What was installed from a file has to be there for the next change, too; rpm-ostree keeps it in its package cache.
CACHE = "/var/lib/bootgate-standin/rpms"
_DATABASE = "usr/lib/sysimage/rpm"


def _rpm(*args: str) -> str:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    # Files that a person names need no signature; since rpm 6 that has to be said.
    command = ["rpm", "--nosignature", "--dbpath", f"/{_DATABASE}", *args]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise BootcError(done.stderr.strip().removeprefix("error: ") or f"rpm {args[0]} failed")
    return done.stdout


def take(path: str) -> tuple[str, str]:
    """Puts an RPM file into the cache; returns its NEVRA and checksum."""
    if not os.path.isfile(path):
        raise BootcError(f"Can't open file \"{path}\" for reading: No such file or directory")
    with open(path, "rb") as stream:
        checksum = hashlib.sha256(stream.read()).hexdigest()
    query = ["rpm", "--nosignature", "-qp", "--qf", "%{NEVRA}", path]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BootcError(f"Opening package: {done.stderr.strip()}")
    os.makedirs(CACHE, exist_ok=True)
    shutil.copyfile(path, os.path.join(CACHE, f"{checksum}.rpm"))
    return done.stdout.strip(), checksum


def _own_copies(folder: str) -> None:
    """The checkout's files are hard links to objects of the repository; rpm changes its database in place."""
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            shutil.copy2(path, f"{path}.own")
            os.replace(f"{path}.own", path)


def _install(tree: str, files: list[str]) -> None:
    """As in a running system: /etc where rpm looks for it. What a package puts into /var is left out of a commit."""
    os.makedirs(os.path.join(tree, _DATABASE), exist_ok=True)
    _own_copies(os.path.join(tree, _DATABASE))
    default = os.path.join(tree, "usr/etc")
    os.rename(default, os.path.join(tree, "etc"))
    _rpm("--root", tree, "--install", *files)
    os.rename(os.path.join(tree, "etc"), default)
    variable = os.path.join(tree, "var")
    shutil.rmtree(variable, ignore_errors=True)
    os.makedirs(variable, exist_ok=True)


def layered_commit(sysroot: Sysroot, base: str, local: dict[str, str]) -> str:
    """The checksum of a commit of `base` with these packages. /sysroot has to be writable."""
    metadata = sysroot.commit_metadata(base)
    repo = f"--repo={sysroot.repo}"
    # Beside the objects, since hard links do not leave a file system.
    with tempfile.TemporaryDirectory(prefix="rpmostree-", dir=os.path.join(sysroot.repo, "tmp")) as work:
        tree = os.path.join(work, "tree")
        run_ostree("checkout", repo, "--require-hardlinks", base, tree)
        _install(tree, [os.path.join(CACHE, f"{checksum}.rpm") for checksum in local.values()])
        version = metadata.get("version")
        words = [f"--add-metadata-string=version={version}"] if isinstance(version, str) else []
        return run_ostree(
            "commit", repo, "--orphan", f"--parent={base}", "--link-checkout-speedup", f"--tree=dir={tree}",
            f"--add-metadata={LAYERED}=true", f"--add-metadata-string=bootgate.base={base}", *words,
        ).strip()  # fmt: skip

