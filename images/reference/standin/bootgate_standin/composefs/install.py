"""`bootc install to-disk --composefs-backend`: repository, deployment and systemd-boot on a new disk (bootc-dev/bootc, `install.rs`)."""
import os

from .. import blockdev
from ..errors import BootcError, context
from ..importer import open_remote
from ..local import open_source
from ..stage import notice_labels
from ..words import sizes
from . import boot
from .deploy import Deployable, image_kargs, place_kernel, write_state
from .storage import Storage
from .tree import lookup

_ESP_POINT = "/run/bootc/mounts/esp"
_PAYLOAD = b"usr/lib/systemd/boot/efi"


def _pull(state, storage: Storage) -> Deployable:
    with open_source(state.source) as source, context("Pulling composefs repository"):
        image = open_remote(source, state.source)
        notice_labels(image)
        needed = storage.repo.missing_layers(image)
        print(f"layers already present: {len(image.layers) - len(needed)}; layers needed: {len(needed)} ({sizes(needed)})", flush=True)
        storage.repo.pull(source, image)
        root = storage.repo.tree(image.manifest_text)
        return Deployable(storage.repo.commit(root), root, image.digest)


def install(state, root) -> None:
    """Puts the image on the disk whose root file system is mounted at `root.path`."""
    options, config = state.options, state.config or {}
    device = blockdev.file_system_at(root.path)["source"]
    esp = blockdev.partition_of_type(blockdev.disk_of(device), blockdev.ESP_TYPE)
    if esp is None:
        raise BootcError("ESP not found")
    blockdev.mount(esp["node"], _ESP_POINT, "-t", "vfat", "-o", "umask=0077")
    try:
        storage = Storage(root.path, _ESP_POINT, options["allow-missing-verity"])
        with context("Initializing composefs repository"):
            storage.repo.init()
            image = _pull(state, storage)
        print(f"Bootloader: {options['bootloader']}", flush=True)
        if lookup(image.root, _PAYLOAD) is None:
            raise BootcError("The image does not have systemd-boot (usr/lib/systemd/boot/efi)")
        _install_bootloader()
        # systemd finds the root by its partition type, so no argument names it (seen with bootc 1.16.9).
        words = [word for word in root.kargs if not word.startswith("root=")]
        mark = "?" if options["allow-missing-verity"] else ""
        words += [*config.get("kargs", []), *options["karg"], f"composefs={mark}{image.digest}"]
        words += [word for word in image_kargs(storage.repo, image.root) if word not in words]
        with context("Setting up BLS boot"):
            digest, folder = place_kernel(storage, image)
            release = boot.os_release(storage.repo, image.root)
            entry = boot.new_entry(release, image.digest, folder, " ".join(words))
            name = entry.file_name(release.get("ID", "bootc"), boot.PRIMARY)
            boot.write_entries(storage.esp, "entries", [(name, entry)])
        with context("Writing composefs state"):
            path = write_state(storage, image, state.target, digest, first=True)
        if state.keys is not None:
            from ..install import write_root_keys

            home = lookup(image.root, b"root")
            write_root_keys(path, state.keys, home is not None and home.kind == "l")
    finally:
        blockdev.read_command("umount", _ESP_POINT)
    if root.finalize:
        blockdev.finalize("root", root.path)


def _install_bootloader() -> None:
    print("Installing bootloader via systemd-boot", flush=True)
    os.environ["SYSTEMD_RELAX_ESP_CHECKS"] = "1"  # udev does not know a partition of a disk that was just made
    command = ["bootctl", "install", f"--esp-path={_ESP_POINT}", "--no-variables", "--random-seed=yes"]
    blockdev.run_task(None, *command)
