"""`bootc upgrade`, `switch`, `rollback` and `usr-overlay` on the composefs backend, and what happens at shutdown.

Order and words follow bootc 1.16.9 (bootc-dev/bootc, `bootc_composefs/{update,switch,rollback,finalize,gc}.rs`): staging says nothing.
"""
import json
import os
import shutil
import subprocess

from .. import host
from ..errors import BootcError, context
from ..imgref import ImageReference, parse_origin
from ..importer import RemoteImage
from ..journal import log
from ..kargs import merged
from ..local import open_source
from ..stage import notice_labels
from ..words import human_size, manifest_diff
from . import boot, etc
from .deploy import Deployable, image_kargs, place_kernel, write_state
from .repo import config_digest
from .status import host_status, usr_overlay
from .storage import Booted, Staged, Storage, find_booted, find_staged, forget_staged, note_staged, open_host
from .tree import Node, lookup

ETC = b"/etc"
_FINALIZE = "bootc-finalize-staged.service"
_SWITCH_ID = "087ccc03481a477b83c0f6ba62500724"


class _Host:
    """The opened host and what is known of it."""

    def __init__(self, booted: Booted) -> None:
        self.booted, self.storage = booted, open_host(booted, writable=True)
        with context("Getting composefs deployment status"):
            self.status = host_status(self.storage, booted)["status"]

    def reference(self, slot: str) -> ImageReference:
        digest = self.status[slot]["composefs"]["verity"]
        return parse_origin(self.storage.origin(digest)["origin"]["container-image-reference"])

    def deployments(self) -> dict[str, str]:
        """Digest of the image -> the slot that it is in."""
        slots = [slot for slot in ("booted", "staged", "rollback") if self.status[slot]]
        return {self.status[slot]["composefs"]["verity"]: slot for slot in slots}


def _look(source, reference: ImageReference) -> RemoteImage:
    """Asks for manifest and configuration."""
    with context(f"Checking if image {reference.image} is pulled"), context("Getting container info"):
        with context(f"Opening image {reference.skopeo()}"):
            handle = source.open_image(reference.skopeo())
        digest, manifest = source.manifest(handle)
        config = source.config(handle, json.loads(manifest)["config"])
    return RemoteImage(handle, digest, manifest.decode(), config.decode())


def _built(opened: _Host, image: RemoteImage) -> Deployable | None:
    """A pulled image with its digest; None where it was not pulled."""
    repo = opened.storage.repo
    if not repo.has_config(config_digest(image)):
        return None
    root = repo.tree(image.manifest_text)
    return Deployable(repo.commit(root), root, image.digest)


def _check_space(opened: _Host, image: RemoteImage, reference: ImageReference) -> None:
    facts = os.statvfs(opened.storage.root)
    available = facts.f_bavail * facts.f_frsize
    # A compressed layer needs about three times its size unpacked.
    required = sum(3 * layer["size"] for layer in opened.storage.repo.missing_layers(image))
    if required > available:
        raise BootcError(
            f"Insufficient free space for {reference.human()} "
            f"(available: {human_size(available)} required: {human_size(required)})"
        )


def _stage(opened: _Host, source, image: RemoteImage, reference: ImageReference, locked: bool) -> None:
    storage, booted = opened.storage, opened.booted
    with context("Performing Upgrade Operation"):
        subprocess.run(["systemctl", "start", _FINALIZE], check=True)
        notice_labels(image)
        _check_space(opened, image, reference)
        with context("Pulling composefs repository"):
            storage.repo.pull(source, image)
            new = _built(opened, image)
        pristine = _etc(storage, booted.digest)
        later = lookup(new.root, b"etc") or Node("d", 0o755)
        etc.refuse_conflicts(etc.changes(pristine, ETC, later))
        boot.drop_staged(storage.esp)
        forget_staged()
        with context("Setting up BLS boot"):
            digest = _write_staged_entries(opened, new)
        with context("Writing composefs state"):
            write_state(storage, new, reference, digest, first=False)
            note_staged(Staged(new.digest, locked))
        os.sync()


def _etc(storage: Storage, digest: str) -> Node:
    """/etc as the image of a deployment ships it."""
    root = storage.repo.tree(storage.repo.image_texts(storage.manifest_digest(digest))[0])
    return lookup(root, b"etc") or Node("d", 0o755)


def _write_staged_entries(opened: _Host, new: Deployable) -> str:
    storage = opened.storage
    own = next(entry for entry in boot.entries_in(storage.esp) if entry.verity == opened.booted.digest)
    digest, folder = place_kernel(storage, new)
    old_root = storage.repo.tree(storage.repo.image_texts(storage.manifest_digest(opened.booted.digest))[0])
    mark = "?" if opened.booted.insecure else ""
    words = [f"composefs={mark}{new.digest}" if word.startswith("composefs=") else word for word in own["options"].split()]
    options = merged(words, image_kargs(storage.repo, old_root), image_kargs(storage.repo, new.root))
    release = boot.os_release(storage.repo, new.root)
    system = release.get("ID", "bootc")
    entry = boot.new_entry(release, new.digest, folder, " ".join(options))
    second = boot.Entry({**own, "sort-key": boot.sort_key(system, boot.SECONDARY)})
    named = [(entry.file_name(system, boot.PRIMARY), entry), (second.file_name(system, boot.SECONDARY), second)]
    boot.write_entries(storage.esp, "entries.staged", named)
    return digest


def upgrade(options: dict, booted: Booted) -> None:
    """`bootc upgrade`."""
    with context("Upgrading"), context("Upgrading composefs"):
        apply = _upgrade(_Host(booted), options)
    if apply and options["apply"]:
        host.reboot()


def _unlock(opened: _Host) -> None:
    staged = opened.status["staged"]
    if staged is None:
        raise BootcError("No staged deployment found")
    if not staged["downloadOnly"]:
        print("Staged deployment is present and not in download only mode.")
        print("Use `bootc update --apply` to apply the update.")
        return
    subprocess.run(["systemctl", "start", _FINALIZE], check=True)
    note_staged(Staged(staged["composefs"]["verity"], False))


def _upgrade(opened: _Host, options: dict) -> bool:
    """True when there is something to boot into."""
    if options["from-downloaded"]:
        _unlock(opened)
        return True
    staged = opened.status["staged"]
    # What a switch has staged goes first.
    reference = opened.reference("booted" if staged is None else "staged")
    if options["tag"] is not None:
        reference = reference.with_tag(options["tag"])
    with open_source(reference) as source:
        image = _look(source, reference)
        known = _built(opened, image)
        if known is not None and known.digest in opened.deployments():
            # An update that is staged already is not applied, whatever the options say.
            print(f"No changes in{'' if staged is None else ' staged image'}: {reference.human()}")
            return False
        if options["check"]:
            old = opened.storage.repo.image_texts(opened.storage.manifest_digest(opened.booted.digest))[0]
            print(manifest_diff(json.loads(old)["layers"], image.layers), flush=True)
            return False
        _stage(opened, source, image, reference, options["download-only"])
    return True


def switch(options: dict, booted: Booted) -> None:
    """`bootc switch`."""
    target = ImageReference(options["transport"], options["target"])
    with context("Switching"):
        if options["mutate-in-place"]:
            raise BootcError("No such file or directory (os error 2)")
        with context("Composefs Switching"):
            apply = _switch(_Host(booted), target)
    if apply and options["apply"]:
        host.reboot()


def _switch(opened: _Host, target: ImageReference) -> bool:
    if opened.reference("booted") == target:
        print("Image specification is unchanged.")
        return False
    log("Starting composefs switch operation", MESSAGE_ID=_SWITCH_ID)
    with open_source(target) as source:
        image = _look(source, target)
        known = _built(opened, image)
        slot = None if known is None else opened.deployments().get(known.digest)
        if slot is not None:
            raise BootcError(f"Target image has the same fs-verity digest as the existing {slot} deployment.")
        _stage(opened, source, image, target, False)
    return True


def rollback(options: dict, booted: Booted) -> None:
    """`bootc rollback`: the other entry becomes the first, or the booted one again. What is staged is dropped."""
    with context("Rollback"), context("Rolling back composefs"):
        _rollback(_Host(booted))
    if options["apply"]:
        host.reboot()


def _rollback(opened: _Host) -> None:
    log("Starting composefs rollback operation")
    reverting = opened.status["rollbackQueued"]
    if reverting:
        print("notice: Reverting queued rollback state")
    if opened.status["rollback"] is None:
        raise BootcError("No rollback available")
    esp, system = opened.storage.esp, "bootc"
    boot.drop_staged(esp)
    forget_staged()
    first, second = boot.entries_in(esp)
    named = []
    for entry, priority in ((second, boot.PRIMARY), (first, boot.SECONDARY)):
        changed = boot.Entry({**entry, "sort-key": boot.sort_key(system, priority)})
        named.append((changed.file_name(system, priority), changed))
    boot.write_entries(esp, "entries.staged", named)
    boot.exchange_staged(esp)
    print("Next boot: current deployment" if reverting else "Next boot: rollback deployment", flush=True)


def mount_usr_overlay(options: dict) -> None:
    """`bootc usr-overlay`: seen by everybody until the next boot."""
    if usr_overlay() is not None:
        print("An overlayfs is already mounted on /usr")
        return
    folder = "/run/bootgate-standin/usr-overlay"
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    for name in ("upper", "work"):
        os.mkdir(os.path.join(folder, name), 0o755)
    places = f"lowerdir=/usr,upperdir={folder}/upper,workdir={folder}/work"
    access = ["ro"] if options["read-only"] else []
    subprocess.run(["mount", "-t", "overlay", "-o", ",".join([*access, places]), "transient", "/usr"], check=True)
    subprocess.run(["umount", "-l", folder], check=True)
    print(f"A {'read-only' if options['read-only'] else 'read/write'} overlayfs is now mounted on /usr")
    print("All changes there will be discarded on reboot.")


def finalize() -> None:
    """At shutdown: /etc is merged into the staged deployment, its entry becomes the first, what is in no entry is removed."""
    booted = find_booted()
    if booted is None:
        raise BootcError("System not booted via bootc")
    log("Starting composefs staged deployment finalization")
    staged = find_staged()
    storage = open_host(booted, writable=True)
    if staged is not None and not staged.locked:
        new = os.fsencode(os.path.join(storage.state(staged.digest), "etc"))
        found = etc.changes(_etc(storage, booted.digest), ETC, _etc(storage, staged.digest))
        etc.merge(found, ETC, new)
        os.sync()
        boot.exchange_staged(storage.esp)
    log("Starting composefs garbage collection")
    _collect(storage, booted)
    os.sync()


def _collect(storage: Storage, booted: Booted) -> None:
    """Keeps what boot entries name, staged ones too while something is staged; an update that was only downloaded goes."""
    kept = {entry.verity for entry in boot.entries_in(storage.esp)}
    if booted.digest not in kept:
        raise BootcError(f"Inconsistent state. Booted entry '{booted.digest}' found for cleanup")
    boot.drop_staged(storage.esp)
    for digest in storage.deployed():
        if digest not in kept:
            shutil.rmtree(storage.state(digest))
    manifests = [storage.manifest_digest(digest) for digest in kept]
    trees = {digest: storage.repo.tree(storage.repo.image_texts(storage.manifest_digest(digest))[0]) for digest in kept}
    storage.repo.collect(trees, manifests)
    boot.remove_unused_kernels(storage.esp)
