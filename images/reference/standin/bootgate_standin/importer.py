"""Pulls an image into an ostree repository: each layer is a commit of its own, so what is there is not pulled again.

The names of refs and metadata keys are the ones real bootc (ostree-ext) uses.
"""
import contextlib
import json
import os
import subprocess
import tempfile
from collections import namedtuple

from .blob import Blob
from .errors import BootcError, context, os_error
from .layer import write_ostree_tar
from .local import LocalImage
from .imgref import ImageReference, parse_origin
from .ostree import BLOB_PREFIX, IMAGE_PREFIX, Sysroot, escape_ref, run_ostree
from .proxy import ImageProxy
from .tarstream import END

WHITEOUTS_KEY = "bootgate.whiteouts"


class RemoteImage(namedtuple("RemoteImage", "handle digest manifest_text config_text")):
    """An opened image: what the registry says, nothing pulled yet."""

    __slots__ = ()

    @property
    def layers(self) -> list[dict]:
        return json.loads(self.manifest_text)["layers"]

    @property
    def config(self) -> dict:
        return json.loads(self.config_text)


def open_remote(proxy: ImageProxy, reference: ImageReference) -> RemoteImage:
    """Asks for manifest and configuration."""
    with context("Preparing import"):
        with context("Fetching manifest"):
            if reference.signature == "containerPolicy":
                _require_strict_policy()
            handle = proxy.open_image(reference.skopeo())
            digest, manifest = proxy.manifest(handle)
        config = proxy.config(handle, json.loads(manifest)["config"])
    return RemoteImage(handle, digest, manifest.decode(), config.decode())


def _require_strict_policy() -> None:
    """What an origin that asks for signatures needs at each pull; all else is the policy's own (ostree-ext, `container/store.rs`)."""
    try:
        with open("/etc/containers/policy.json", encoding="utf-8") as stream:
            default = json.load(stream)["default"]
    except OSError as error:
        raise BootcError(os_error(error)) from error
    if any(rule["type"] == "insecureAcceptAnything" for rule in default):
        raise BootcError(
            "containers-policy.json specifies a default of `insecureAcceptAnything`; refusing usage"
        )


def blob_ref(digest: str) -> str:
    return BLOB_PREFIX + escape_ref(digest)


def image_ref(reference: ImageReference) -> str:
    return IMAGE_PREFIX + escape_ref(reference.skopeo())


def missing_layers(sysroot: Sysroot, image: RemoteImage) -> list[dict]:
    """The layers that are not in the repository yet."""
    return [layer for layer in image.layers if not sysroot.ref_exists(blob_ref(layer["digest"]))]


def imported_digest(sysroot: Sysroot, reference: ImageReference) -> str | None:
    """The digest of the image that was last imported for a reference, or None."""
    commit = sysroot.ref_commit(image_ref(reference))
    return None if commit is None else sysroot.commit_metadata(commit).get("ostree.manifest-digest")


def import_image(
    source: ImageProxy | LocalImage, sysroot: Sysroot, image: RemoteImage, reference: ImageReference, fsync: bool = True
) -> str:  # fmt: skip
    """Pulls what is missing and returns the checksum of the merged commit. An installer need not wait for the disk."""
    for layer in missing_layers(sysroot, image):
        with context("Importing"), context(f"Parsing layer blob {layer['digest']}"):
            _import_layer(source, sysroot, image, layer, fsync)
    return _merge(sysroot, image, reference, fsync)


def _import_layer(
    source: ImageProxy | LocalImage, sysroot: Sysroot, image: RemoteImage, layer: dict, fsync: bool
) -> None:  # fmt: skip
    branch = f"--branch={blob_ref(layer['digest'])}"
    options = ["--no-bindings", "--parent=none", "--timestamp=@0", *_no_fsync(fsync)]
    with source.blob(image.handle, layer) as blob:
        gone, commit = _commit_tar(sysroot, layer, blob, ["--orphan", *options])
    if gone:
        options.append(f"--add-metadata-string={WHITEOUTS_KEY}={json.dumps(gone)}")
    run_ostree(f"--repo={sysroot.repo}", "commit", branch, f"--tree=ref={commit}", *options)


def _no_fsync(fsync: bool) -> list[str]:
    return [] if fsync else ["--fsync=false"]


def _commit_tar(sysroot: Sysroot, layer: dict, blob: Blob, options: list[str]) -> tuple[list[str], str]:
    """Commits a layer while it is being read. ostree gets the end of the tar only when the blob is what it should be."""
    command = [
        "ostree", f"--repo={sysroot.repo}", "commit", "--tree=tar=-", "--tar-autocreate-parents", *options,
    ]  # fmt: skip
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as child:
        gone: list[str] = []
        try:
            gone = write_ostree_tar(blob.chunks(), blob.media_type, child.stdin.write)
            blob.finish()
            child.stdin.write(END)
        except BrokenPipeError:
            pass  # ostree says why
        except BaseException:
            child.kill()
            raise
        finally:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
        commit = child.stdout.read().decode().strip()
        said = child.stderr.read().decode(errors="replace")
    if child.returncode != 0:
        raise BootcError(said.strip().removeprefix("error: "))
    return gone, commit


def _whiteouts_of(sysroot: Sysroot, layer: dict) -> list[str]:
    return json.loads(sysroot.commit_metadata(sysroot.ref_commit(blob_ref(layer["digest"]))).get(WHITEOUTS_KEY, "[]"))


def _merge(sysroot: Sysroot, image: RemoteImage, reference: ImageReference, fsync: bool) -> str:
    """Lays the layers over each other, lowest first; a layer with whiteouts needs an intermediate commit below it."""
    pending: list[str] = []
    for layer in image.layers:
        gone = _whiteouts_of(sysroot, layer)
        if gone and pending:
            pending = [_commit_without(sysroot, pending, gone)]
        pending.append(blob_ref(layer["digest"]))
    version = (image.config.get("config", {}).get("Labels") or {}).get("org.opencontainers.image.version")
    return run_ostree(
        f"--repo={sysroot.repo}", "commit",
        f"--branch={image_ref(reference)}",
        *_trees(pending), "--no-bindings", "--parent=none", "--bootable", *_no_fsync(fsync),
        f"--timestamp={image.config.get('created', '@0')}",
        f"--add-metadata-string=ostree.manifest-digest={image.digest}",
        f"--add-metadata-string=ostree.manifest={image.manifest_text}",
        f"--add-metadata-string=ostree.container.image-config={image.config_text}",
        *([f"--add-metadata-string=version={version}"] if version else []),
    ).strip()  # fmt: skip


def _trees(refs: list[str]) -> list[str]:
    return [f"--base={refs[0]}", *(f"--tree=ref={ref}" for ref in refs[1:])]


def _commit_without(sysroot: Sysroot, refs: list[str], gone: list[str]) -> str:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as skip:
        skip.write("".join(f"{path}\n" for path in gone))
        skip.flush()
        return run_ostree(
            f"--repo={sysroot.repo}", "commit", "--orphan", "--no-bindings", "--parent=none", "--timestamp=@0",
            f"--skip-list={skip.name}", *(f"--tree=ref={ref}" for ref in refs),
        ).strip()  # fmt: skip


def prune(sysroot: Sysroot, keep_manifests: list[str], keep_references: set[str]) -> None:
    """Forgets images that no deployment follows and layers that none uses, and frees their space."""
    wanted_layers = {blob_ref(layer["digest"]) for text in keep_manifests for layer in json.loads(text)["layers"]}
    wanted = wanted_layers | {image_ref(parse_origin(origin)) for origin in keep_references}
    heads = os.path.join(sysroot.repo, "refs/heads")
    present = [
        os.path.relpath(os.path.join(folder, name), heads)
        for prefix in (BLOB_PREFIX, IMAGE_PREFIX)
        for folder, _folders, names in os.walk(os.path.join(heads, prefix))
        for name in names
    ]
    stale = [ref for ref in present if ref not in wanted]
    if stale:
        run_ostree(f"--repo={sysroot.repo}", "refs", "--delete", *stale)
        run_ostree("admin", "cleanup")
