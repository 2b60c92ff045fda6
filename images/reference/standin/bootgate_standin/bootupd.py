"""Calls the real bootupd of an image that has it, as bootc does for an image that it is not running in (bootc-dev/bootc,
`bootloader.rs`): inside the new deployment, with the target's `/boot` in place and its root at `/sysroot`."""
import os
import subprocess
import sys

from . import blockdev
from .errors import BootcError

_PROGRAM = "usr/bin/bootupctl"


def is_in(deployment: str) -> bool:
    return os.path.exists(os.path.join(deployment, _PROGRAM))


def install(deployment: str, root: str, generic: bool, write_uuid: bool) -> None:
    """Raises BootcError where bootupd fails; its own words are on stderr then. Needs a mount namespace of its own."""
    # The deployment itself, too: bootupd asks findmnt for the file system at `/`.
    binds = [(deployment, "."), (os.path.join(root, "boot"), "boot"), (root, "sysroot"), *((f"/{name}", name) for name in ("dev", "proc", "sys", "run"))]  # fmt: skip
    mounted = []
    try:
        for source, name in binds:
            point = os.path.normpath(os.path.join(deployment, name))
            blockdev.read_command("mount", "--bind" if name == "." else "--rbind", source, point)
            mounted.append(point)
        config = "--write-uuid" if write_uuid else "--with-static-configs"
        only_booted = [] if generic else ["--update-firmware", "--auto"]
        words = ["backend", "install", config, *only_booted, "--filesystem", "/sysroot", "/"]
        sys.stdout.flush()
        done = subprocess.run(["chroot", deployment, f"/{_PROGRAM}", *words], check=False)
        if done.returncode != 0:
            raise BootcError(f"Failed to run command: bootupctl {' '.join(words)}")
    finally:
        for point in reversed(mounted):
            subprocess.run(["umount", "--lazy", point], check=False)
