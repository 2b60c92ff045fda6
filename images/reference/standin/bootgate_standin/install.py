"""`bootc install`: puts an image on an empty disk or into a mounted file system, as real bootc does with the ostree backend
(bootc-dev/bootc, `install.rs`). Here is what both have in common; `install_targets` prepares the place."""
import base64
import glob
import json
import os
import sys
import time
from collections import namedtuple

from . import blockdev, bootloader, host, install_config
from .errors import BootcError, context, not_here, os_error
from .deploy import deploy, init_sysroot, needs_verity
from .imgref import TRANSPORTS, ImageReference, parse_skopeo
from .importer import RemoteImage, import_image, missing_layers, open_remote
from .kargs import image_kargs
from .local import open_source
from .ostree import Sysroot
from .stage import check_space, notice_labels
from .words import human_seconds, sizes

_ABSENT = ("uki-addon", "via-loopback")

# What an installation is made from: source and target reference, install configuration, contents of authorized_keys.
State = namedtuple("State", "source target config keys options")
# Where it goes: mounted root, UUID of the file system with /boot, its mount in fstab, kernel arguments, whether to finish it.
Root = namedtuple("Root", "path boot_uuid fstab kargs finalize")


def refuse_absent(verb: str, options: dict) -> None:
    for key in _ABSENT:
        if options.get(key):
            raise not_here(f"bootc install {verb} --{key}")
    if options.get("block-setup") == "tpm2-luks":
        raise not_here(f"bootc install {verb} --block-setup=tpm2-luks")
    if options["composefs-backend"] and options["bootloader"] not in (None, "systemd", "none"):
        raise not_here(f"bootc install {verb} --composefs-backend --bootloader={options['bootloader']}")
    if options["bootloader"] == "grub-cc":
        raise not_here(f"bootc install {verb} --bootloader=grub-cc")


def _source(given: str) -> ImageReference:
    with context("Creating source info from a given imageref"):
        transport, colon, name = given.partition(":")
        if not colon:
            raise BootcError(f"Missing ':' in {given}")
        if transport not in (*TRANSPORTS, "docker"):
            raise BootcError(f"Unknown transport '{transport}'")
        if not name:
            raise BootcError(f"Invalid empty name in {given}")
        if transport == "docker" and not name.startswith("//"):
            raise BootcError(f"Missing // in docker:// in {given}")
        return parse_skopeo(given)


def prepare(options: dict) -> State:
    """Checks what can be checked before anything is touched, and says what will be installed."""
    os.umask(0o022)  # an installer that runs as a machine's first process has none
    if options["source-imgref"] is None:
        if not os.path.exists("/run/.containerenv"):
            raise BootcError(
                "Either --source-imgref must be defined or this command must be executed inside a podman container."
            )
        raise not_here("bootc install from the container that it runs in")
    host.require_root()
    source = _source(options["source-imgref"])
    if options["target-transport"] not in (*TRANSPORTS, "docker", "ostree-unverified-registry"):
        raise BootcError(f"Unknown transport '{options['target-transport']}'")
    signature = "containerPolicy" if options["enforce-container-sigpolicy"] else None
    target = ImageReference(options["target-transport"], options["target-imgref"] or source.image, signature)
    if options["run-fetch-check"]:
        with context("Verifying fetch"), open_source(target) as reader:
            open_remote(reader, target)
    print(f"Installing image: {target.skopeo()}", flush=True)
    config, keys = install_config.load(), None
    if options["bootloader"] is None:
        options["bootloader"] = (config or {}).get("bootloader")
    if options["composefs-backend"]:
        _refuse_composefs(options)
    if options["root-ssh-authorized-keys"] is not None:
        with context(f"Reading {options['root-ssh-authorized-keys']}"):
            keys = _read(options["root-ssh-authorized-keys"])
    return State(source, target, config, keys, options)


def _refuse_composefs(options: dict) -> None:
    """GRUB is taken where nobody says otherwise and the installing image has bootupd's payload (bootc-dev/bootc, `install.rs`)."""
    chosen = options["bootloader"] or ("grub" if bootloader.has_payload("/") else "systemd")
    if chosen == "none":
        raise BootcError("Bootloader set to none is not supported with the composefs backend")
    if chosen != "systemd":
        raise not_here(f"bootc install to-disk --composefs-backend --bootloader={chosen}")
    options["bootloader"] = chosen


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise BootcError(os_error(error)) from error


def _pull(state: State, sysroot: Sysroot) -> tuple[RemoteImage, str]:
    with open_source(state.source) as reader:
        image = open_remote(reader, state.source)
        notice_labels(image)
        needed = missing_layers(sysroot, image)
        present = len(image.layers) - len(needed)
        print(f"layers already present: {present}; layers needed: {len(needed)} ({sizes(needed)})", flush=True)
        check_space(sysroot, image, state.source)
        with context("Pulling"):
            return image, import_image(reader, sysroot, image, state.target, fsync=False)


def _deploy(state: State, root: Root, sysroot: Sysroot, commit: str, stateroot: str) -> str:
    config = state.config or {}
    kargs = [*root.kargs, *config.get("kargs", []), *image_kargs(sysroot, commit), *state.options["karg"]]
    began = time.monotonic()
    print("Deploying container image...", end="", file=sys.stderr, flush=True)
    try:
        with context("Performing deployment"):
            folder = deploy(sysroot, commit, state.target, kargs, stateroot)
    except BootcError:
        print(file=sys.stderr)
        raise
    print(f"done ({human_seconds(time.monotonic() - began)})", file=sys.stderr, flush=True)
    if root.fstab is not None:
        _write(os.path.join(folder, "etc/fstab"), f"{root.fstab}\n")
    if state.keys is not None:
        write_root_keys(folder, state.keys, os.path.islink(os.path.join(folder, "root")))
    return folder


def write_root_keys(folder: str, keys: bytes, is_link: bool) -> None:
    """Has the deployment in `folder` make root's authorized_keys at its first boot; `is_link` where /root is one."""
    home = "/var/roothome" if is_link else "/root"
    text = base64.b64encode(keys).decode()
    lines = f"d {home}/.ssh 0700 root root -\nf~ {home}/.ssh/authorized_keys 0600 root root - {text}\n"
    _write(os.path.join(folder, "etc/tmpfiles.d/bootc-root-ssh.conf"), lines)


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


def _write_aleph(state: State, root: Root, image: RemoteImage) -> None:
    labels = image.config.get("config", {}).get("Labels") or {}
    aleph = {
        "digest": image.digest,
        "image": state.source.origin(),
        "kernel": os.uname().release,
        "labels": labels,
        "selinux": "disabled",
        "target-image": state.target.origin(),
        "timestamp": image.config.get("created"),
        "version": labels.get("org.opencontainers.image.version"),
    }
    _write(os.path.join(root.path, ".bootc-aleph.json"), json.dumps(aleph, sort_keys=True, separators=(",", ":")))


def install(state: State, root: Root) -> None:
    """Pulls, deploys, installs the boot loader and finishes the file system."""
    options, config = state.options, state.config or {}
    if options["composefs-backend"]:
        from .composefs.install import install as install_composefs

        install_composefs(state, root)
        return
    stateroot = options["stateroot"] or config.get("stateroot") or "default"
    with context("Creating ostree deployment"):
        sysroot = init_sysroot(root.path, stateroot, needs_verity())
        image, commit = _pull(state, sysroot)
        folder = _deploy(state, root, sysroot, commit, stateroot)
    _write_aleph(state, root, image)
    chosen = options["bootloader"] or ("grub" if bootloader.has_payload(folder) else "systemd")
    print(f"Bootloader: {chosen}", flush=True)
    if chosen == "systemd" or (chosen == "grub" and not bootloader.has_payload(folder)):
        raise BootcError("bootupd is required for ostree-based installs")
    if chosen == "grub":
        skip = options["bootupd-skip-boot-uuid"] or config.get("bootupd", {}).get("skip-boot-uuid", False)
        bootloader.install(folder, root.path, root.boot_uuid, options["generic-image"], not skip)
    finalize(root.path)
    if root.finalize:
        blockdev.finalize("root", root.path)


def finalize(path: str) -> None:
    """`bootc install finalize`: looks whether there is a deployment."""
    host.require_root()
    if not os.path.isdir(os.path.join(path, "ostree/repo")):
        raise BootcError(f"loading sysroot: No such file or directory: {path}/ostree/repo")
    if not glob.glob(os.path.join(glob.escape(path), "ostree/deploy/*/deploy/*.origin")):
        raise BootcError(f"Failed to find deployment in {path}")
