"""The stand-in `bootc` on a host of the composefs backend that has no disk of its own: repository, deployments, boot entries
and /etc are real files in a folder, without fs-verity; the registry is faked. Reads a story on stdin, as standin_world.py."""
import contextlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import types

given = json.load(sys.stdin)
sys.dont_write_bytecode = True
sys.path.insert(0, given["standin"])

from bootgate_standin import cli, host  # noqa: E402
from bootgate_standin.composefs import boot, deploy, status, storage, upgrade  # noqa: E402
from bootgate_standin.composefs.repo import Repository  # noqa: E402
from bootgate_standin.errors import BootcError  # noqa: E402
from bootgate_standin.imgref import ImageReference  # noqa: E402
from bootgate_standin.importer import RemoteImage  # noqa: E402

folder_of_all = tempfile.TemporaryDirectory(prefix="bootgate-standin-")
root = folder_of_all.name
etc_of_machine = os.path.join(root, "etc")
journal_lines: list[str] = []
images, tags = given["images"], {given["follows"]: given["booted"]}
base_digest = images[given["booted"]]["layers"][0]["digest"]
os_release = 'PRETTY_NAME="Debian GNU/Linux forky/sid"\nNAME="Debian GNU/Linux"\nID=debian\n'
shipped = {
    "usr/lib/modules/7/vmlinuz": "kernel", "usr/lib/modules/7/initramfs.img": "initramfs", "usr/lib/os-release": os_release,
    "etc/kept.conf": "kept=1\n", "etc/changed.conf": "x" * 100, "etc/removed.conf": "removed=1\n", "var/lib/first": "1\n",
}  # fmt: skip


def files_of(digest: str, layer: dict) -> dict[str, str]:
    if layer["digest"] == base_digest:
        return shipped
    if layer is not images[digest]["layers"][-1]:
        return {}
    own = {f"usr/lib/bootc/kargs.d/{name}.toml": f'kargs = ["{name}"]\n' for name in images[digest]["kargs"]}
    own["etc/kept.conf"] = f"kept={images[digest]['version']}\n"
    own.update(images[digest].get("files", {}))
    return own


def tar_of(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), 0o644
            member.uid, member.gid = os.getuid(), os.getgid()
            archive.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


def manifest_text(digest: str) -> str:
    layers = [{**layer, "mediaType": "application/vnd.oci.image.layer.v1.tar"} for layer in images[digest]["layers"]]
    return json.dumps({"layers": layers, "config": {"digest": f"sha256:{images[digest]['checksum']}"}})


def config_text(digest: str) -> str:
    labels = {"org.opencontainers.image.version": images[digest]["version"], "containers.bootc": "1"}
    return json.dumps({"architecture": "amd64", "created": images[digest]["created"], "config": {"Labels": labels}})


class FakeSource:
    """skopeo's image proxy."""

    def __enter__(self):
        return self

    def __exit__(self, *_unused) -> None:
        return None

    def open_image(self, reference: str) -> str:
        name = reference.removeprefix("docker://")
        if name not in tags:
            repository, _, tag = name.rpartition(":")
            raise BootcError(f"failed to invoke method OpenImage: reading manifest {tag} in {repository}: manifest unknown")
        return tags[name]

    def manifest(self, handle: str):
        return handle, manifest_text(handle).encode()

    def config(self, handle: str, _descriptor: dict) -> bytes:
        return config_text(handle).encode()

    def blob(self, handle: str, descriptor: dict):
        layer = next(layer for layer in images[handle]["layers"] if layer["digest"] == descriptor["digest"])
        data = tar_of(files_of(handle, layer))
        blob = types.SimpleNamespace(chunks=lambda: iter([data]), finish=lambda: None)
        return contextlib.nullcontext(blob)


class World:
    """What booted, and the folders that stand for the physical root and the ESP."""

    def __init__(self) -> None:
        self.storage = storage.Storage(os.path.join(root, "sysroot"), os.path.join(root, "esp"), True)
        self.storage.repo.init()
        digest = given["booted"]
        image = RemoteImage(digest, digest, manifest_text(digest), config_text(digest))
        self.storage.repo.pull(FakeSource(), image)
        tree = self.storage.repo.tree(image.manifest_text)
        first = deploy.Deployable(self.storage.repo.commit(tree), tree, digest)
        reference = ImageReference("registry", given["follows"])
        kernel_digest, folder = deploy.place_kernel(self.storage, first)
        options = f"rw console=tty0 console=ttyS0,115200n8 composefs={first.digest}"
        entry = boot.new_entry(boot.os_release(self.storage.repo, tree), first.digest, folder, options)
        boot.write_entries(self.storage.esp, "entries", [(entry.file_name("debian", boot.PRIMARY), entry)])
        deploy.write_state(self.storage, first, reference, kernel_digest, first=True)
        self.boot()

    def boot(self) -> None:
        self.booted = storage.Booted(boot.entries_in(self.storage.esp)[0].verity, False)
        storage.forget_staged()
        subprocess.run(["rm", "-rf", etc_of_machine], check=True)
        subprocess.run(["cp", "-a", os.path.join(self.storage.state(self.booted.digest), "etc"), etc_of_machine], check=True)

    def reboot(self) -> dict:
        ended = run(["composefs-finalize-staged"])
        subprocess.run(["rm", "-rf", os.path.join(self.storage.state(self.booted.digest), "etc")], check=True)
        subprocess.run(["cp", "-a", etc_of_machine, os.path.join(self.storage.state(self.booted.digest), "etc")], check=True)
        self.boot()
        return ended


def run(words: list[str]) -> dict:
    journal_lines.clear()
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(words)
    texts = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return {"exitCode": code, "stdout": texts[0], "stderr": texts[1], "journal": list(journal_lines)}


def files_below(folder: str) -> dict[str, str]:
    found = {}
    for path, _folders, names in os.walk(folder):
        for name in names:
            full = os.path.join(path, name)
            with open(full, encoding="latin1") as stream:
                found[os.path.relpath(full, folder)] = stream.read()
    return found


storage.STAGED = os.path.join(root, "run/staged-deployment")
world = World()
host.require_root = lambda: None
host.is_booted_host = lambda: False
storage.find_booted = upgrade.find_booted = lambda: world.booted
storage.open_host = upgrade.open_host = lambda _booted, writable: world.storage
status.bootloader = lambda: "systemd"
status.mounts = lambda: []
upgrade.ETC = os.fsencode(etc_of_machine)
upgrade.open_source = lambda _reference: FakeSource()
upgrade.log = lambda message, **_fields: journal_lines.append(message)
upgrade.subprocess = types.SimpleNamespace(run=lambda *_words, **_options: None)
Repository.insecure = True

def look() -> dict:
    repo = world.storage.repo.path
    return {
        "booted": world.storage.manifest_digest(world.booted.digest),
        "loader": files_below(os.path.join(world.storage.esp, "loader")),
        "kernels": sorted(os.listdir(os.path.join(world.storage.esp, "EFI/Linux"))),
        "images": sorted(os.listdir(os.path.join(repo, "images"))),
        "objects": sum(len(names) for _path, _folders, names in os.walk(os.path.join(repo, "objects"))),
        "etc": files_below(etc_of_machine),
    }


def edit(files: dict[str, str | None]) -> None:
    for name, text in files.items():
        path = os.path.join(etc_of_machine, name)
        if text is None:
            os.unlink(path)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)


results, finalized, looks = [], [], []
for step in given["story"]:
    if "run" in step:
        results.append(run(step["run"]))
    elif "publish" in step:
        tags[step["publish"][0]] = step["publish"][1]
    elif "etc" in step:
        edit(step["etc"])
    elif "reboot" in step:
        finalized.append(world.reboot())
        looks.append(look())
print(json.dumps({"results": results, "finalized": finalized, "looks": looks}))
folder_of_all.cleanup()
