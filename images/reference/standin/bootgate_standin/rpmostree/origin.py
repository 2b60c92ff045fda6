"""The origin of a deployment as rpm-ostree writes it: what the person asked for, beside where the base comes from
(coreos/rpm-ostree, `src/libpriv/rpmostree-origin.cxx` and `rust/src/origin.rs`)."""
from collections import namedtuple
from collections.abc import Iterable

from ..ostree import Deployment, Sysroot

LAYERED = "rpmostree.clientlayer"
# The groups that are rpm-ostree's; `reset` drops them.
OWN_GROUPS = ("packages", "overrides", "rpmostree", "modules")


class Wish(namedtuple("Wish", "local removals replacements")):
    """What is asked for: `local` and `replacements` by NEVRA -> sha256 of the file, `removals` as names of packages of the base."""

    __slots__ = ()

    @property
    def is_empty(self) -> bool:
        return not (self.local or self.removals or self.replacements)

    def installing(self, more: dict[str, str]) -> "Wish":
        return self._replace(local={**self.local, **more})

    def removing(self, names: Iterable[str]) -> "Wish":
        return self._replace(removals=tuple(sorted({*self.removals, *names})))

    def replacing(self, more: dict[str, str]) -> "Wish":
        """A later replacement of a package takes the place of an earlier one."""
        names = {name_of(nevra) for nevra in more}
        kept = {nevra: checksum for nevra, checksum in self.replacements.items() if name_of(nevra) not in names}
        return self._replace(replacements={**kept, **more})

    def without(self, subject: str) -> "Wish | None":
        """Without the override of a package, by its name or NEVRA; None where there is none."""
        if subject in self.removals:
            return self._replace(removals=tuple(name for name in self.removals if name != subject))
        kept = {nevra: checksum for nevra, checksum in self.replacements.items() if subject not in (nevra, name_of(nevra))}
        return None if len(kept) == len(self.replacements) else self._replace(replacements=kept)


NOTHING = Wish({}, (), {})


def name_of(nevra: str) -> str:
    return nevra.rsplit("-", 2)[0]


def _list(deployment: Deployment, group: str, key: str) -> list[str]:
    return [entry for entry in deployment.origin.get(group, {}).get(key, "").split(";") if entry]


def _files(entries: list[str]) -> dict[str, str]:
    """Kept as `sha256:NEVRA;` entries."""
    pairs = [entry.split(":", 1) for entry in entries]
    return {nevra: checksum for checksum, nevra in pairs}


def wish_of(deployment: Deployment) -> Wish:
    return Wish(
        _files(_list(deployment, "packages", "requested-local")),
        tuple(sorted(_list(deployment, "overrides", "remove"))),
        _files(_list(deployment, "overrides", "replace-local")),
    )


def base_of(sysroot: Sysroot, deployment: Deployment) -> str:
    """The commit that packages are layered on: the parent of a layered commit, else the commit itself."""
    if not deployment.metadata.get(LAYERED):
        return deployment.checksum
    return str(deployment.metadata["bootgate.base"])


def text_of(deployment: Deployment, wish: Wish) -> str:
    """An origin file with the deployment's own source and what is asked for."""
    groups = {name: dict(keys) for name, keys in deployment.origin.items() if name not in OWN_GROUPS}
    files = {
        ("packages", "requested-local"): [f"{checksum}:{nevra}" for nevra, checksum in sorted(wish.local.items())],
        ("overrides", "remove"): list(wish.removals),
        ("overrides", "replace-local"): [f"{sha}:{nevra}" for nevra, sha in sorted(wish.replacements.items())],
    }
    for (group, key), entries in files.items():
        if entries:
            groups.setdefault(group, {})[key] = "".join(f"{entry};" for entry in entries)
    lines = []
    for name, keys in groups.items():
        lines += [f"[{name}]", *(f"{key}={value}" for key, value in keys.items()), ""]
    return "\n".join(lines)
