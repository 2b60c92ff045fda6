"""Where `bootc install` puts an image: `to-disk` makes partitions and file systems, `to-filesystem` takes what is mounted."""
import json
import os
import shutil
import stat

from . import blockdev, host, install_config
from .errors import BootcError, context, not_here, os_error
from .install import Root, State, install, prepare, refuse_absent

_MOUNTS = "/run/bootc/mounts"


def _file_system(state: State) -> str:
    kind = state.options["filesystem"] or install_config.root_type(state.config or {})
    if kind is None:
        raise BootcError("No root filesystem specified")
    # Asked before anything is wiped, in words that are not bootc's: it would find out from the missing program.
    if shutil.which(f"mkfs.{kind}") is None:
        raise BootcError(f"bootgate's reference OS does not have mkfs.{kind}")
    return kind


def _block_setup(state: State) -> str:
    given = state.options["block-setup"]
    enabled = ["direct"] if state.config is None else state.config["block"]
    if not enabled:
        raise BootcError("Empty block storage configuration in install configuration")
    setup = given or enabled[0]
    if setup not in enabled:
        name = {"direct": "Direct", "tpm2-luks": "Tpm2Luks"}[setup]
        raise BootcError(f"Block setup {name} is not enabled in installation config")
    if setup != "direct":
        raise not_here("bootc install to-disk --block-setup=tpm2-luks")
    return setup


def _create_root(state: State, given: str) -> Root:
    options = state.options
    kind = _file_system(state)
    device = blockdev.list_device(given)
    blockdev.refuse_or_wipe(device, given, options["wipe"])
    blockdev.describe(device, _block_setup(state))
    layout = blockdev.partition(device["path"], options["root-size"])
    identifier = blockdev.make_root(layout.root, kind, options["wipe"])
    path = os.path.join(_MOUNTS, "rootfs")
    blockdev.mount(layout.root, path)
    if not options["composefs-backend"]:
        os.makedirs(os.path.join(path, "boot/efi"), exist_ok=True)
    blockdev.make_esp(layout.esp)
    return Root(path, identifier, None, [f"root=UUID={identifier}", "rw"], True)


def to_disk(options: dict) -> None:
    """`bootc install to-disk DEVICE`."""
    refuse_absent("to-disk", options)
    device = options["target"]
    with context("Installing to disk"):
        try:
            facts = os.stat(device)
        except OSError as error:
            raise BootcError(f"Querying {device}: {os_error(error)}") from error
        if not stat.S_ISBLK(facts.st_mode):
            raise BootcError(f"Not a block device: {device}")
        state = prepare(options)
        host.leave_mount_namespace()
        with context("Creating rootfs"):
            root = _create_root(state, device)
        install(state, root)
        blockdev.run_task("Unmounting filesystems", "umount", "-R", root.path)
    print("Installation complete!", flush=True)


def _only_mounts(folder: str, name: str, device: int) -> None:
    path = os.path.join(folder, name)
    if os.lstat(path).st_dev != device:
        return
    with context("Requiring directory contains only mount points"):
        entries = sorted(os.listdir(path))
        if not entries:
            raise BootcError(f"Found empty directory: {name}")
        for entry in entries:
            inner = os.path.join(path, entry)
            if entry == "lost+found":
                continue
            if not stat.S_ISDIR(os.lstat(inner).st_mode):
                raise BootcError(f"Found entry in {name}: {entry}")
            _only_mounts(path, entry, device)


def _require_empty(path: str) -> None:
    with context("Verifying empty rootfs"):
        for name in sorted(os.listdir(path)):
            if name == "lost+found":
                continue
            if not stat.S_ISDIR(os.lstat(os.path.join(path, name)).st_mode):
                raise BootcError(f"Non-empty root filesystem; found {json.dumps(name)}")
            _only_mounts(path, name, os.lstat(path).st_dev)


def _remove_all(folder: str) -> None:
    device = os.lstat(folder).st_dev
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.lstat(path).st_dev != device:
            raise BootcError(f"Found unexpected mount point {json.dumps(name)}")
        if stat.S_ISDIR(os.lstat(path).st_mode):
            _remove_all(path)
            os.rmdir(path)
        else:
            os.unlink(path)


def _mounted_root(state: State, path: str) -> Root:
    """Looks what is mounted at the target; `/boot` may be a file system of its own."""
    options, config = state.options, state.config or {}
    found = blockdev.file_system_at(path)
    spec = options["root-mount-spec"] if options["root-mount-spec"] is not None else config.get("root-mount-spec")
    flags = []
    if spec is None:
        if not found["uuid"]:
            raise BootcError("No filesystem uuid found in target root")
        spec = f"UUID={found['uuid']}"
        if found["fstype"] == "btrfs":
            # As the mount table has it, with its slash: `subvol=/root`.
            flags = [f"rootflags={word}" for word in found["options"].split(",") if word.startswith("subvol=")]
    boot, boot_uuid = os.path.join(path, "boot"), found["uuid"]
    boot_spec = options["boot-mount-spec"] if options["boot-mount-spec"] is not None else config.get("boot-mount-spec")
    if os.path.isdir(boot) and os.lstat(boot).st_dev != os.lstat(path).st_dev:
        boot_uuid = blockdev.file_system_at(boot)["uuid"]
        if not boot_uuid:
            raise BootcError("No UUID found for /boot")
        boot_spec = f"UUID={boot_uuid}" if boot_spec is None else boot_spec
    kargs = [*([f"root={spec}", *flags] if spec else []), "rw", *([f"boot={boot_spec}"] if boot_spec else [])]
    fstab = f"{boot_spec} /boot auto ro 0 0" if boot_spec else None
    return Root(path, boot_uuid, fstab, kargs, not options["skip-finalize"])


def to_filesystem(options: dict) -> None:
    """`bootc install to-filesystem ROOT_PATH`."""
    refuse_absent("to-filesystem", options)
    if options["composefs-backend"]:
        raise not_here("bootc install to-filesystem --composefs-backend")
    if options["replace"] == "alongside":
        raise not_here("bootc install to-filesystem --replace=alongside")
    path = options["target"].rstrip("/") or "/"
    with context("Installing to filesystem"):
        state = prepare(options)
        if not os.path.isdir(path):
            missing = "Not a directory (os error 20)" if os.path.exists(path) else "No such file or directory (os error 2)"
            raise BootcError(f"Opening target root directory {path}: {missing}")
        if not os.path.ismount(path):
            raise BootcError(f"Not a mountpoint: {path}")
        host.leave_mount_namespace()
        if options["replace"] == "wipe":
            print("Wiping contents of root", flush=True)
            _remove_all(path)
        else:
            _require_empty(path)
        os.makedirs(os.path.join(path, "boot/efi"), exist_ok=True)
        install(state, _mounted_root(state, path))
    print("Installation complete!", flush=True)
