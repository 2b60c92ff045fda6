"""The origin of a deployment as rpm-ostree writes it: what the person asked for, beside where the base comes from
(coreos/rpm-ostree, `src/libpriv/rpmostree-origin.cxx`)."""
from ..ostree import Deployment, Sysroot

LAYERED = "rpmostree.clientlayer"
# The groups that are rpm-ostree's; `reset` drops them.
OWN_GROUPS = ("packages", "overrides", "rpmostree", "modules")


def local_packages(deployment: Deployment) -> dict[str, str]:
    """What was installed from a file: NEVRA -> sha256. Kept as `sha256:NEVRA;` entries."""
    text = deployment.origin.get("packages", {}).get("requested-local", "")
    pairs = [entry.split(":", 1) for entry in text.split(";") if entry]
    return {nevra: checksum for checksum, nevra in pairs}


def base_of(sysroot: Sysroot, deployment: Deployment) -> str:
    """The commit that packages are layered on: the parent of a layered commit, else the commit itself."""
    if not deployment.metadata.get(LAYERED):
        return deployment.checksum
    return str(deployment.metadata["bootgate.base"])


def text_of(deployment: Deployment, local: dict[str, str]) -> str:
    """An origin file with the deployment's own source and these packages."""
    groups = {name: keys for name, keys in deployment.origin.items() if name not in OWN_GROUPS}
    if local:
        listed = "".join(f"{checksum}:{nevra};" for nevra, checksum in sorted(local.items()))
        groups["packages"] = {"requested-local": listed}
    lines = []
    for name, keys in groups.items():
        lines += [f"[{name}]", *(f"{key}={value}" for key, value in keys.items()), ""]
    return "\n".join(lines)
