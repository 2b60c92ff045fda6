"""The stand-in `bootc` on a host that has neither ostree nor skopeo: both are faked at the calls the stand-in makes of
them, everything above is the stand-in's own code. Reads a story on stdin, prints how each of its commands ended."""
import contextlib
import io
import json
import os
import sys
import tempfile
import types

given = json.load(sys.stdin)
sys.dont_write_bytecode = True
sys.path.insert(0, given["standin"])

from bootgate_standin import bound, cli, host, importer, journal, kargs, ostree, rollback, soft_reboot, stage, status, upgrade  # noqa: E402
from bootgate_standin.errors import BootcError  # noqa: E402

folder_of_all = tempfile.TemporaryDirectory(prefix="bootgate-standin-")
root = folder_of_all.name
deploy_root = os.path.join(root, "ostree/deploy")
journal_lines: list[str] = []


class World:
    """Registry, repository and deployments."""

    def __init__(self) -> None:
        self.images = given["images"]
        self.tags = {given["follows"]: given["booted"]}
        self.failures: dict[str, str] = {}
        self.refs: dict[str, str] = {}
        self.writable = False
        self.unlocked = "none"
        self.soft_reboot = None
        self.reboots = 0
        self.deployments: list[dict] = []
        self.import_image(given["booted"], f"docker://{given['follows']}")
        self.deployments = [self.deployment(self.checksum(given["booted"]))]
        self.write_origin(self.deployments[0], f"ostree-unverified-registry:{given['follows']}")
        self.booted = self.deployments[0]

    def checksum(self, digest: str) -> str:
        return self.images[digest]["checksum"]

    def image_of(self, checksum: str) -> dict:
        return next(image for image in self.images.values() if image["checksum"] == checksum)

    def digest_of(self, checksum: str) -> str:
        return next(digest for digest, image in self.images.items() if image["checksum"] == checksum)

    def import_image(self, digest: str, reference: str) -> str:
        for layer in self.images[digest]["layers"]:
            self.refs[importer.blob_ref(layer["digest"])] = layer["digest"]
        self.refs[ostree.IMAGE_PREFIX + ostree.escape_ref(reference)] = self.checksum(digest)
        return self.checksum(digest)

    def deployment(self, checksum: str) -> dict:
        base = os.path.join(deploy_root, "default/deploy", f"{checksum}.0")
        objects = os.path.join(root, "objects")
        shipped = {"usr/lib/modules/7/vmlinuz": "kernel"}
        for argument in self.image_of(checksum)["kargs"]:
            shipped[f"{ostree.KARGS_FOLDER}/{argument}.toml"] = f'kargs = ["{argument}"]\n'
        os.makedirs(objects, exist_ok=True)
        for path, text in shipped.items():
            shared, target = os.path.join(objects, path.replace("/", "_")), os.path.join(base, path)
            if not os.path.exists(shared):
                with open(shared, "w", encoding="utf-8") as stream:
                    stream.write(text)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if not os.path.exists(target):
                os.link(shared, target)
        return {"checksum": checksum, "staged": False, "locked": False}

    def write_origin(self, deployment: dict, origin: str) -> None:
        path = os.path.join(deploy_root, "default/deploy", f"{deployment['checksum']}.0.origin")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(f"[origin]\ncontainer-image-reference={origin}\n")

    def listed(self) -> list[dict]:
        return [
            {
                "checksum": entry["checksum"], "serial": 0, "stateroot": "default", "index": index,
                "booted": entry is self.booted, "staged": entry["staged"], "pinned": False,
                "finalization-locked": entry["locked"],
                "unlocked": self.unlocked if entry is self.booted else "none",
            }
            for index, entry in enumerate(self.deployments)
        ]  # fmt: skip

    def reboot(self) -> None:
        kept = [entry for entry in self.deployments if not (entry["staged"] and entry["locked"])]
        for entry in kept:
            entry["staged"] = False
        self.deployments, self.booted, self.unlocked = kept[:2], kept[0], "none"


world = World()
path_of = {"reboot_required": os.path.join(root, "reboot-required")}


def run_ostree(*args: str, **_options) -> str:
    words = [word for word in args if not word.startswith("--repo=")]
    if words[:2] == ["admin", "status"]:
        return json.dumps({"deployments": world.listed()})
    if words[:2] == ["admin", "deploy"]:
        entry = {**world.deployment(words[-1]), "staged": True, "locked": "--lock-finalization" in words}
        entry["options"] = [word for word in words if word.startswith("--karg")]
        with open(next(word for word in words if word.startswith("--origin-file=")).partition("=")[2], encoding="utf-8") as draft:
            world.write_origin(entry, draft.read().partition("reference=")[2].strip())
        world.deployments = [entry, *(other for other in world.deployments if not other["staged"])]
        return ""
    if words[:2] == ["admin", "lock-finalization"]:
        world.deployments[0]["locked"] = "--unlock" not in words
        return ""
    if words[:2] == ["admin", "prepare-soft-reboot"]:
        world.soft_reboot = world.deployments[int(words[2])]["checksum"]
        return ""
    if words[:2] == ["admin", "undeploy"]:
        del world.deployments[int(words[2])]
        return ""
    if words[:2] == ["admin", "set-default"]:
        world.deployments.insert(0, world.deployments.pop(int(words[2])))
        return ""
    if words[:2] == ["admin", "unlock"]:
        world.unlocked = "development"
        return (
            "Development mode enabled.  A writable overlayfs is now mounted on /usr.\n"
            "All changes there will be discarded on reboot.\n"
        )
    if words[0] == "ls":
        names = world.image_of(words[2])["kargs"]
        if not names:
            raise BootcError("No such file or directory")
        return "".join(f"/{ostree.KARGS_FOLDER}/{name}.toml\0" for name in names)
    if words[0] == "cat":
        return f'kargs = ["{os.path.basename(words[2]).removesuffix(".toml")}"]\n'
    raise AssertionError(f"the stand-in ran an ostree that this world does not know: {args}")


def manifest_text(digest: str) -> str:
    return json.dumps({"layers": world.images[digest]["layers"], "config": {}})


def config_text(digest: str) -> str:
    image = world.images[digest]
    labels = {"org.opencontainers.image.version": image["version"], "containers.bootc": "1"}
    return json.dumps({"architecture": "amd64", "created": image["created"], "config": {"Labels": labels}})


class FakeProxy:
    """skopeo's image proxy."""

    def __enter__(self):
        return self

    def __exit__(self, *_unused) -> None:
        return None

    def open_image(self, reference: str) -> str:
        name = reference.removeprefix("docker://")
        registry, _, rest = name.partition("/")
        repository, _, tag = rest.rpartition(":")
        error = world.failures.get(registry)
        if error is None and name not in world.tags:
            error = f"reading manifest {tag} in {registry}/{repository}: manifest unknown"
        if error is not None:
            raise BootcError(f"failed to invoke method OpenImage: {error}")
        return world.tags[name]

    def manifest(self, handle: str):
        return handle, manifest_text(handle).encode()

    def config(self, handle: str, _descriptor: dict) -> bytes:
        return config_text(handle).encode()


def commit_metadata(_self, checksum: str) -> dict:
    digest = world.digest_of(checksum)
    return {
        "ostree.manifest-digest": digest,
        "ostree.manifest": manifest_text(digest),
        "ostree.container.image-config": config_text(digest),
    }


def temporary_file(*args, **options):
    if str(options.get("dir", "")).startswith(deploy_root) and not world.writable:
        raise OSError(30, "Read-only file system")
    return tempfile.NamedTemporaryFile(*args, **options)


def make_sysroot_writable() -> None:
    world.writable = True


def pull_bound(_sysroot, commit: str) -> None:
    if world.digest_of(commit) in given.get("unbound", []):
        raise BootcError("Pulling bound images: Pulling bound images: Failed to pull image: Subprocess failed")


def note_reboot_required(digest: str, real=host.note_reboot_required) -> None:
    opened = open
    host.open = lambda _path, *args, **options: opened(path_of["reboot_required"], *args, **options)
    try:
        real(digest)
    finally:
        del host.open


def sysroot_init(self, _path: str = "/") -> None:
    self.path, self.repo = root, root


def count_reboot() -> None:
    world.reboots += 1


for module in (ostree, upgrade, stage, kargs, rollback, importer, soft_reboot):
    if hasattr(module, "run_ostree"):
        module.run_ostree = run_ostree
for module in (rollback, stage, upgrade):
    module.log = lambda message, **_fields: journal_lines.append(message)
ostree.Sysroot.__init__ = sysroot_init
ostree.Sysroot.commit_metadata = commit_metadata
ostree.Sysroot.ref_exists = lambda _self, ref: ref in world.refs
ostree.Sysroot.ref_commit = lambda _self, ref: world.refs.get(ref)
upgrade.ImageProxy = FakeProxy
stage.import_image = lambda _proxy, _sysroot, image, reference: world.import_image(image.digest, reference.skopeo())
upgrade.tempfile = types.SimpleNamespace(NamedTemporaryFile=temporary_file)
bound.pull_bound, bound.STORAGE = pull_bound, os.path.join(root, "bound")
host.DEPLOYMENTS = deploy_root
host.require_root = host.require_booted = host.refuse_after_failed_finalize = lambda: None
host.is_booted_host = lambda: True
host.make_sysroot_writable = make_sysroot_writable
host.reboot = count_reboot
host.note_reboot_required = note_reboot_required
host.CACHED_UPDATE = status.CACHED_UPDATE = os.path.join(root, "cached.json")


def run(words: list[str], writable: bool) -> dict:
    world.writable = writable
    journal_lines.clear()
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(words)
    texts = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return {"exitCode": code, "stdout": texts[0], "stderr": texts[1], "journal": list(journal_lines)}


results = []
for step in given["story"]:
    if "run" in step:
        results.append(run(step["run"], step.get("writable", False)))
    elif "publish" in step:
        world.tags[step["publish"][0]] = step["publish"][1]
    elif "fail" in step:
        world.failures = step["fail"]
    elif "reboot" in step:
        world.reboot()
notes = ""
if os.path.exists(path_of["reboot_required"]):
    with open(path_of["reboot_required"], encoding="utf-8") as stream:
        notes = stream.read()
options = [entry.get("options", []) for entry in world.deployments]
ended = {"results": results, "rebootRequired": notes, "options": options}
print(json.dumps({**ended, "softReboot": world.soft_reboot, "reboots": world.reboots}))
folder_of_all.cleanup()
