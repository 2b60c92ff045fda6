"""Kernel arguments that images ship in `/usr/lib/bootc/kargs.d/*.toml`. Only what differs between two images is changed,
so that arguments of this machine stay (bootc-dev/bootc, `crates/lib/src/bootc_kargs.rs`)."""
import os

from .errors import BootcError
from .ostree import KARGS_FOLDER, Deployment, Sysroot, run_ostree


def arguments(name: str, text: str) -> list[str]:
    import tomllib  # costs time, and most images ship none

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BootcError(f"Parsing {name}: {error}") from error
    machines = data.get("match-architectures")
    return data.get("kargs", []) if machines is None or os.uname().machine in machines else []


def image_kargs(sysroot: Sysroot, commit: str) -> list[str]:
    """The arguments that a commit ships, in the order of its files' names."""
    repo, folder = f"--repo={sysroot.repo}", f"/{KARGS_FOLDER}"
    try:
        listing = run_ostree(repo, "ls", "--nul-filenames-only", commit, folder)
    except BootcError:
        return []
    paths = sorted(path for path in listing.split("\0") if path.endswith(".toml"))
    return [argument for path in paths for argument in arguments(path, run_ostree(repo, "cat", commit, path))]


def deployed_kargs(sysroot: Sysroot, deployment: Deployment) -> list[str]:
    """The arguments that the image of a deployment ships."""
    folder = os.path.join(sysroot.folder_of(deployment), KARGS_FOLDER)
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    found = []
    for name in (name for name in names if name.endswith(".toml")):
        with open(os.path.join(folder, name), encoding="utf-8") as stream:
            found += arguments(name, stream.read())
    return found


def merged(words: list[str], old: list[str], new: list[str]) -> list[str]:
    """A line of kernel arguments with those of one image taken out and those of another added at its end."""
    gone = [argument for argument in old if argument not in new]
    added = [argument for argument in new if argument not in old]
    return [*(word for word in words if word not in gone), *added]


def changes(old: list[str], new: list[str], booted_with: str) -> list[str]:
    """Options for `ostree admin deploy` that turn the arguments of one image into those of another.

    Its `--karg-delete` takes one argument only, so where something goes the whole line is given again.
    """
    gone = [argument for argument in old if argument not in new]
    added = [f"--karg-append={argument}" for argument in new if argument not in old]
    if not gone:
        return added
    of_the_loader = ("BOOT_IMAGE=", "initrd=", "ostree=")
    kept = [word for word in booted_with.split() if not word.startswith(of_the_loader) and word not in gone]
    return ["--karg-none", *(f"--karg-append={word}" for word in kept), *added]
