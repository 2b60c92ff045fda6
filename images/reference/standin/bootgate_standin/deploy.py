"""An ostree sysroot in a folder: made, and an image deployed into it with exactly the wanted kernel arguments."""
import os
import tempfile

from .errors import context
from .imgref import ImageReference
from .ostree import Sysroot, parse_keyfile, run_ostree

_REPO_CONFIG = (("sysroot.bootloader", "none"), ("sysroot.bootprefix", "true"), ("sysroot.readonly", "true"))


def origin_text(reference: ImageReference) -> str:
    """A fresh origin file: the image reference and nothing else, so that local modifications are dropped."""
    return f"[origin]\ncontainer-image-reference={reference.origin()}\n"


# Of the running image; the first that is there counts (ostree-ext, `ostree_prepareroot.rs`).
_PREPARE_ROOT = ("/etc/ostree/prepare-root.conf", "/usr/lib/ostree/prepare-root.conf")


def needs_verity() -> bool:
    """Whether the image asks for fs-verity of its objects: `verity` or `signed` in its prepare-root.conf (bootc, lib/src/install.rs)."""
    for path in _PREPARE_ROOT:
        try:
            with open(path, encoding="utf-8") as stream:
                return parse_keyfile(stream.read()).get("composefs", {}).get("enabled") in ("verity", "signed")
        except FileNotFoundError:
            continue
    return False


def init_sysroot(path: str, stateroot: str = "default", verity: bool = False) -> Sysroot:
    """Makes an empty ostree sysroot in a folder, or takes the one that is there. `verity`: objects get fs-verity from now on."""
    sysroot = Sysroot(path)
    if os.path.isdir(sysroot.repo):
        print("Reusing extant ostree layout", flush=True)
    else:
        os.makedirs(path, exist_ok=True)
        print("Initializing ostree layout", flush=True)
        run_ostree("admin", "init-fs", "--modern", path)
    for key, value in _REPO_CONFIG:
        run_ostree("config", f"--repo={sysroot.repo}", "set", key, value)
    if verity:
        run_ostree("config", f"--repo={sysroot.repo}", "set", "ex-integrity.fsverity", "yes")
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
