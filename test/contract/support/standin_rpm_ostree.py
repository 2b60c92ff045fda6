"""The stand-in `rpm-ostree` on a host without ostree: deployments and commits are made up, everything above is its own code."""
import contextlib
import io
import json
import sys

given = json.load(sys.stdin)
sys.dont_write_bytecode = True
sys.path.insert(0, given["standin"])

from bootgate_standin import host, ostree, status as bootc_status  # noqa: E402
from bootgate_standin.rpmostree import cli, origin, status  # noqa: E402

REFERENCE = "ostree-unverified-registry:registry.example/os:stable"
BASE, LAYERED = "1" * 64, "2" * 64
labels = {"config": {"Labels": {"org.opencontainers.image.version": "v1"}}, "created": "2026-01-01T00:00:00Z"}
metadata = {
    BASE: {"ostree.manifest-digest": "sha256:1111", "ostree.container.image-config": json.dumps(labels)},
    LAYERED: {"rpmostree.clientlayer": True, "bootgate.base": BASE},
}


def deployment(checksum: str, index: int, groups: dict) -> ostree.Deployment:
    return ostree.Deployment(
        checksum=checksum, serial=0, stateroot="default", index=index, booted=index == 0, staged=False, pinned=False,
        locked=False, unlocked="none", metadata=metadata[checksum],
        origin={"origin": {"container-image-reference": REFERENCE}, **groups},
    )  # fmt: skip


layered = deployment(LAYERED, 0, {"packages": {"requested-local": f"{'b' * 64}:tool-1.0-1.noarch;"}})
base = deployment(BASE, 1, {})


class Sysroot(ostree.Sysroot):
    def deployments(self) -> list[ostree.Deployment]:
        return [layered, base]

    def commit_metadata(self, checksum: str) -> dict:
        return metadata[checksum]

    def boot_files(self, deployment: ostree.Deployment) -> set:
        return set()


def run(*words: str) -> list:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        return [cli.main(list(words)), said.getvalue()]


booted = True
host.is_booted_host = lambda: booted
host.require_root = lambda: None
cli.Sysroot = Sysroot
sysroot = Sysroot()
local = {**origin.local_packages(layered), "other-2.0-1.noarch": "a" * 64}
refused = [run("install", "htop"), run("override", "remove", "htop"), run("install", "/nowhere/x.rpm")]
booted = False
refused.append(run("status"))
refused.append(run("--version"))
print(json.dumps({
    "status": json.loads(status.to_json(sysroot)),
    "incompatible": [bootc_status.boot_entry(sysroot, one, set())["incompatible"] for one in (layered, base)],
    "origins": [origin.text_of(layered, local), origin.text_of(layered, {})],
    "refused": refused,
}))  # fmt: skip
