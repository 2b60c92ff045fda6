"""An ostree sysroot in a folder: made, and an image deployed into it with exactly the wanted kernel arguments."""
import os
import tempfile

from .errors import context
from .imgref import ImageReference
from .ostree import Sysroot, run_ostree

_REPO_CONFIG = (("sysroot.bootloader", "none"), ("sysroot.bootprefix", "true"), ("sysroot.readonly", "true"))


def origin_text(reference: ImageReference) -> str:
    """A fresh origin file: the image reference and nothing else, so that local modifications are dropped."""
    return f"[origin]\ncontainer-image-reference={reference.origin()}\n"


def init_sysroot(path: str, stateroot: str = "default") -> Sysroot:
    """Makes an empty ostree sysroot in a folder, or takes the one that is there."""
    sysroot = Sysroot(path)
    if os.path.isdir(sysroot.repo):
        print("Reusing extant ostree layout", flush=True)
    else:
        os.makedirs(path, exist_ok=True)
        print("Initializing ostree layout", flush=True)
        run_ostree("admin", "init-fs", "--modern", path)
    for key, value in _REPO_CONFIG:
        run_ostree("config", f"--repo={sysroot.repo}", "set", key, value)
    if not os.path.isdir(os.path.join(path, "ostree/deploy", stateroot)):
        with context("initializing stateroot"):
            run_ostree("admin", "os-init", f"--sysroot={path}", stateroot)
    return sysroot


def deploy(sysroot: Sysroot, commit: str, target: ImageReference, kargs: list[str], stateroot: str = "default") -> str:
    """Deploys a commit with exactly these kernel arguments; returns the folder of the deployment."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as origin:
        origin.write(origin_text(target))
        origin.flush()
        run_ostree(
            "admin", "deploy", f"--sysroot={sysroot.path}", f"--os={stateroot}", "--no-merge", "--karg-none",
            f"--origin-file={origin.name}", *(f"--karg-append={karg}" for karg in kargs), commit,
        )  # fmt: skip
    return os.path.join(sysroot.path, "ostree/deploy", stateroot, "deploy", f"{commit}.0")
