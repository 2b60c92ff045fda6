"""The stand-in `rpm-ostree` on a host without ostree: deployments, commits and rpm are made up, everything above is its own code."""
import contextlib
import io
import json
import os
import sys

given = json.load(sys.stdin)
sys.dont_write_bytecode = True
sys.path.insert(0, given["standin"])

from bootgate_standin import host, ostree, status as bootc_status  # noqa: E402
from bootgate_standin.errors import BootcError  # noqa: E402
from bootgate_standin.rpmostree import change, cli, layer, status  # noqa: E402
from bootgate_standin.rpmostree.tree import Package  # noqa: E402

REFERENCE = "ostree-unverified-registry:registry.example/os:stable"
BASE = "1" * 64
labels = {"config": {"Labels": {"org.opencontainers.image.version": "v1"}}, "created": "2026-01-01T00:00:00Z"}
metadata = {BASE: {"ostree.manifest-digest": "sha256:1111", "ostree.container.image-config": json.dumps(labels)}}


def package(name: str, version: str) -> Package:
    return Package(f"{name}-{version}-1.noarch", name, 0, version, "1", "noarch")


class Tree:
    """rpm as far as it is asked: one package of the base needs another."""

    def __init__(self) -> None:
        self.there = {one.name: one for one in (package("lib", "1"), package("needs-shell", "1"), package("shell", "1"))}

    def packages(self) -> list[Package]:
        return list(self.there.values())

    def composed_of(self) -> list[Package]:
        """All of them, but for what came to the base later."""
        return [one for one in self.packages() if one.name not in given["later"]]

    def rpm(self, *args: str) -> str:
        if args[0] == "--erase":
            if "shell" in args and "needs-shell" not in args:
                raise BootcError("Failed dependencies:\n\tshell is needed by (installed) needs-shell-1-1.noarch")
            for name in args[1:]:
                del self.there[name]
        for path in (word for word in args if word.endswith(".rpm")):
            name, version = os.path.basename(path).removesuffix(".rpm").split("@")
            self.there[name] = package(name, version)
        return ""


@contextlib.contextmanager
def checked_out(_sysroot: object, _base: str):
    yield Tree()


class Sysroot(ostree.Sysroot):
    def deployments(self) -> list[ostree.Deployment]:
        return list(deployments)

    def commit_metadata(self, checksum: str) -> dict:
        return metadata[checksum]

    def boot_files(self, deployment: ostree.Deployment) -> set:
        return set()


def deployment(checksum: str, index: int, origin: dict, staged: bool = False) -> ostree.Deployment:
    return ostree.Deployment(
        checksum=checksum, serial=0, stateroot="default", index=index, booted=not staged, staged=staged, pinned=False,
        locked=False, unlocked="none", metadata=metadata[checksum], origin=origin,
    )  # fmt: skip


def run_ostree(*words: str) -> str:
    """What is committed gets a checksum of its own, and what is staged is the first deployment."""
    if words[0] == "commit":
        added = [word.split("=", 1)[1] for word in words if word.startswith("--add-metadata-string=")]
        checksum = f"{len(metadata) + 1:x}" * 64
        metadata[checksum] = {"rpmostree.clientlayer": True, **dict(text.split("=", 1) for text in added)}
        return f"{checksum}\n"
    assert words[:3] == ("admin", "deploy", "--stage"), words
    path = next(word.split("=", 1)[1] for word in words if word.startswith("--origin-file="))
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    origins.append(text)
    deployments[:] = [deployment(words[-1], 0, ostree.parse_keyfile(text), staged=True), booted]
    return ""


def take(path: str) -> tuple[str, str]:
    """A file is named `NAME@VERSION.rpm` here."""
    if not path.startswith("/files/"):
        raise BootcError(f"Can't open file \"{path}\" for reading: No such file or directory")
    stem = os.path.basename(path).removesuffix(".rpm")
    name, version = stem.split("@")
    return package(name, version).nevra, stem


def run(*words: str) -> list:
    said, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(told):
        code = cli.main(list(words))
    return [code, said.getvalue(), told.getvalue()]


booted = deployment(BASE, 0, {"origin": {"container-image-reference": REFERENCE}})
deployments, origins = [booted], []
is_booted = True
host.is_booted_host = lambda: is_booted
host.require_root = lambda: None
host.make_sysroot_writable = lambda: None
layer.checked_out, layer.as_commit, layer.run_ostree = checked_out, lambda _tree: "/tree", run_ostree
layer.cached = lambda stem: f"/cache/{stem}.rpm"
change.run_ostree, change.take = run_ostree, take
cli.Sysroot = change.Sysroot = Sysroot

results = []
for words in given["commands"]:
    is_booted = words[0] != "unbooted"
    code, stderr, stdout = run(*(words if is_booted else words[1:]))
    results.append({
        "code": code, "stderr": stderr, "stdout": stdout, "origin": origins[-1] if origins else None,
        "status": json.loads(status.to_json(Sysroot())), "text": status.to_text(Sysroot()),
        "incompatible": bootc_status.boot_entry(Sysroot(), deployments[0], set())["incompatible"],
    })  # fmt: skip
print(json.dumps(results))
