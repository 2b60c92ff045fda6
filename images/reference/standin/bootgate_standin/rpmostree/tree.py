"""A checkout of a base in which the real rpm works, as in a running system: its database and its scripts."""
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections import namedtuple
from collections.abc import Iterator

from ..errors import BootcError
from ..ostree import Sysroot, run_ostree

_DATABASE = "usr/lib/sysimage/rpm"
# What an image was composed of, as rpm-ostree wrote it then; what came or went by other means is not in it.
_COMPOSED = "usr/lib/sysimage/rpm-ostree-base-db"

# As `rpm-ostree status --json` tells a package, in this order.
Package = namedtuple("Package", "nevra name epoch version release arch")
_FORMAT = "%{NEVRA} %{NAME} %{EPOCHNUM} %{VERSION} %{RELEASE} %{ARCH}\\n"


def evr(package: Package) -> str:
    prefix = f"{package.epoch}:" if package.epoch else ""
    return f"{prefix}{package.version}-{package.release}"


def _own_copies(folder: str) -> None:
    """The checkout's files are hard links to objects of the repository; rpm changes its database in place."""
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            shutil.copy2(path, f"{path}.own")
            os.replace(f"{path}.own", path)


class Tree:
    """Made by `checked_out`."""

    def __init__(self, path: str) -> None:
        self.path = path

    def rpm(self, *args: str, database: str = _DATABASE) -> str:
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        # Files that a person names need no signature; since rpm 6 that has to be said.
        command = ["rpm", "--nosignature", "--root", self.path, "--dbpath", f"/{database}", *args]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode != 0:
            raise BootcError(done.stderr.strip().removeprefix("error: ") or f"rpm {args[0]} failed")
        return done.stdout

    def composed_of(self) -> list[Package]:
        """What overrides count for: the packages that the base was composed of, where it tells them."""
        told = os.path.isdir(os.path.join(self.path, _COMPOSED))
        return self.packages(_COMPOSED) if told else self.packages()

    def packages(self, database: str = _DATABASE) -> list[Package]:
        """What the database has. Keys are packages to rpm, and nothing that an image is made of."""
        lines = self.rpm("--query", "--all", "--qf", _FORMAT, database=database).splitlines()
        rows = [line.split(" ") for line in lines]
        found = [Package(nevra, name, int(epoch), *rest) for nevra, name, epoch, *rest in rows]
        return [package for package in found if package.name != "gpg-pubkey"]


@contextlib.contextmanager
def checked_out(sysroot: Sysroot, base: str) -> Iterator[Tree]:
    """The files of a commit, for rpm to change: /etc is where rpm looks for it. /sysroot has to be writable."""
    # Beside the objects, since hard links do not leave a file system.
    with tempfile.TemporaryDirectory(prefix="rpmostree-", dir=os.path.join(sysroot.repo, "tmp")) as work:
        path = os.path.join(work, "tree")
        run_ostree("checkout", f"--repo={sysroot.repo}", "--require-hardlinks", base, path)
        os.makedirs(os.path.join(path, _DATABASE), exist_ok=True)
        for database in (_DATABASE, _COMPOSED):
            _own_copies(os.path.join(path, database))
        os.rename(os.path.join(path, "usr/etc"), os.path.join(path, "etc"))
        yield Tree(path)


def as_commit(tree: Tree) -> str:
    """The folder as a commit has it: /etc is the image's default again, and what a package puts into /var is left out."""
    os.rename(os.path.join(tree.path, "etc"), os.path.join(tree.path, "usr/etc"))
    variable = os.path.join(tree.path, "var")
    shutil.rmtree(variable, ignore_errors=True)
    os.makedirs(variable, exist_ok=True)
    return tree.path
