"""Hidden verbs with which the reference OS is built: what `bootc install` does, in a plain folder instead of a mounted disk."""
from . import bootloader, host
from .deploy import deploy, init_sysroot
from .imgref import ImageReference, parse_skopeo
from .importer import import_image, open_remote
from .kargs import image_kargs
from .local import open_source
from .ostree import Sysroot


def standin_import(options: dict) -> None:
    """Pulls an image into the repository of `--sysroot`, which is made when it is not there, and prints the commit."""
    host.require_root()
    source = parse_skopeo(options["source"])
    with open_source(source) as reader:
        print(import_image(reader, init_sysroot(options["sysroot"]), open_remote(reader, source), source, fsync=False))


def standin_install(options: dict) -> None:
    """Pulls `--source` into `--sysroot` and deploys it so that it follows `--target-imgref`."""
    host.require_root()
    source = parse_skopeo(options["source"])
    target = ImageReference("registry", options["target-imgref"])
    sysroot = Sysroot(options["sysroot"])
    with open_source(source) as reader:
        image = open_remote(reader, source)
        commit = import_image(reader, sysroot, image, target, fsync=False)
    folder = deploy(sysroot, commit, target, [*options["karg"], *image_kargs(sysroot, commit)])
    bootloader.write_static(folder, sysroot.path, None)
    print(f"Digest: {image.digest}\nInstallation complete!")
