"""Hidden verbs with which the reference OS is built: the same import as an upgrade, into a folder instead of a booted host.

Real bootc has `bootc install`; that needs a privileged container and a block device, which a build does not.
"""
import tempfile

from . import host
from .imgref import ImageReference, parse_skopeo
from .importer import import_image, open_remote
from .ostree import Sysroot, run_ostree
from .proxy import ImageProxy
from .kargs import image_kargs
from .stage import origin_text


def standin_import(options: dict) -> None:
    """Pulls an image into the repository of `--sysroot` and prints the commit."""
    host.require_root()
    source = parse_skopeo(options["source"])
    with ImageProxy() as proxy:
        print(import_image(proxy, Sysroot(options["sysroot"]), open_remote(proxy, source), source))


def standin_install(options: dict) -> None:
    """Pulls `--source` into `--sysroot` and deploys it so that it follows `--target-imgref`."""
    host.require_root()
    source = parse_skopeo(options["source"])
    target = ImageReference("registry", options["target-imgref"])
    sysroot = Sysroot(options["sysroot"])
    with ImageProxy() as proxy:
        image = open_remote(proxy, source)
        commit = import_image(proxy, sysroot, image, target)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as origin:
        origin.write(origin_text(target))
        origin.flush()
        run_ostree(
            "admin", "deploy", f"--sysroot={sysroot.path}", "--os=default", "--no-merge", "--karg-none",
            f"--origin-file={origin.name}", *(f"--karg-append={karg}" for karg in [*options["karg"], *image_kargs(sysroot, commit)]), commit,
        )  # fmt: skip
    print(f"Digest: {image.digest}\nInstallation complete!")
