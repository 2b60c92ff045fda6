"""Makes the commit of a changed deployment: a checkout of the base, rpm in it, and a commit of the result.

What is refused, and in which words, is rpm-ostree's: `src/libpriv/rpmostree-core.cxx` (check_goal_solution),
`src/daemon/rpmostreed-transaction-types.cxx` and `src/daemon/rpmostree-sysroot-upgrader.cxx`.
"""
import json
import subprocess
from collections import namedtuple

from ..errors import BootcError
from ..ostree import Deployment, Sysroot, run_ostree
from .origin import LAYERED, Wish, name_of
from .rpmfile import cached
from .tree import Package, Tree, as_commit, checked_out, evr

# What became of the base: packages that came, packages of it that went, and pairs of the new one and the one it replaced.
Effect = namedtuple("Effect", "added removed replaced")
NONE = Effect([], [], [])
_EFFECT = "bootgate.effect"


def effect_of(deployment: Deployment) -> Effect:
    """What was done to the base of a deployment."""
    text = deployment.metadata.get(_EFFECT)
    if not isinstance(text, str):
        return NONE
    told = json.loads(text)
    rows = [[Package(*row) for row in told[key]] for key in ("added", "removed")]
    return Effect(*rows, [(Package(*new), Package(*old)) for new, old in told["replaced"]])


def names_to_remove(subjects: list[str], there: list[Package]) -> list[str]:
    """The names of packages of the base that words of the command line mean."""
    names = []
    for subject in subjects:
        found = [one for one in there if subject in (one.name, one.nevra, one.nevra.removesuffix(f".{one.arch}"))]
        if not found:
            raise BootcError(f'Package "{subject}" not found')
        if len(found) > 1:
            raise BootcError(f'Multiple packages match "{subject}"')
        names.append(found[0].name)
    return names


def _unsolvable(why: str) -> BootcError:
    return BootcError(f"Could not depsolve transaction; 1 problem detected:\n Problem: {why}")


def _check_local(wish: Wish, by_name: dict[str, Package]) -> None:
    """A package that is layered must not stand in the place of one of the base."""
    for nevra in wish.local:
        old = by_name.get(name_of(nevra))
        if old is None:
            continue
        if old.nevra == nevra:
            raise BootcError(f"Package '{nevra}' is already in the base")
        if old.name in wish.removals:
            raise _unsolvable("conflicting requests")
        print(f"Forbidden base package replacements:\n  {old.nevra} -> {nevra} (@commandline)", flush=True)
        raise BootcError("Some base packages would be replaced")


def _active(wish: Wish, by_name: dict[str, Package]) -> tuple[list[str], list[str]]:
    """The removals and the replacements that this base has something for; the others are told."""
    removals = [name for name in wish.removals if name in by_name]
    replacements = [
        nevra for nevra in wish.replacements if name_of(nevra) in by_name and by_name[name_of(nevra)].nevra != nevra
    ]
    for what, all_of_them, used in (
        ("removals", wish.removals, removals),
        ("replacements", wish.replacements, replacements),
    ):
        idle = [one for one in all_of_them if one not in used]
        if idle:
            print(f"Inactive base {what}:", *(f"  {one}" for one in idle), sep="\n", flush=True)
    return removals, replacements


def _apply(tree: Tree, wish: Wish, there: list[Package]) -> Effect:
    by_name = {package.name: package for package in there}
    _check_local(wish, by_name)
    # Where the base tells another list than the database, overrides count by that (`load_base_rsack`), and the command succeeds.
    removals, replacements = _active(wish, {package.name: package for package in tree.composed_of()})
    both = [nevra for nevra in replacements if name_of(nevra) in removals]
    if both:
        raise _unsolvable("conflicting requests")
    try:
        if removals:
            tree.rpm("--erase", *removals)
        if replacements:
            files = [cached(wish.replacements[nevra]) for nevra in replacements]
            tree.rpm("--upgrade", "--oldpackage", *files)
        if wish.local:
            tree.rpm("--install", *(cached(checksum) for checksum in wish.local.values()))
    except BootcError as error:
        raise _unsolvable(str(error)) from error
    after = {package.name: package for package in tree.packages()}
    return Effect(
        [package for name, package in after.items() if name not in by_name],
        [package for name, package in by_name.items() if name not in after],
        [(new, by_name[name]) for name, new in after.items() if name in by_name and new != by_name[name]],
    )


def layered_commit(sysroot: Sysroot, base: str, wish: Wish, subjects: list[str]) -> tuple[str, Wish, Effect]:
    """A commit of `base` with what is asked for and without what `subjects` mean besides; the wish with their names. /sysroot has to be writable."""
    if wish.is_empty and not subjects:
        return base, wish, NONE
    metadata = sysroot.commit_metadata(base)
    with checked_out(sysroot, base) as tree:
        there = tree.packages()
        names = names_to_remove(subjects, there)
        for name in names:
            if name in wish.removals:
                raise BootcError(f"Override already exists for package '{name}'")
        asked = wish.removing(names)
        effect = _apply(tree, asked, there)
        if effect == NONE:
            return base, asked, effect
        version = metadata.get("version")
        words = [f"--add-metadata-string=version={version}"] if isinstance(version, str) else []
        commit = run_ostree(
            "commit", f"--repo={sysroot.repo}", "--orphan", f"--parent={base}", "--link-checkout-speedup",
            f"--tree=dir={as_commit(tree)}", f"--add-metadata={LAYERED}=true", f"--add-metadata-string=bootgate.base={base}",
            f"--add-metadata-string={_EFFECT}={json.dumps(effect._asdict())}", *words,
        ).strip()  # fmt: skip
    return commit, asked, effect


def _is_newer(one: Package, other: Package) -> bool:
    script = f'%{{lua:print(rpm.vercmp("{evr(one)}", "{evr(other)}"))}}'
    return subprocess.run(["rpm", "--eval", script], capture_output=True, text=True, check=True).stdout.strip() == "1"


def _states(effect: Effect) -> tuple[dict[str, Package | None], dict[str, Package | None]]:
    """Of what was touched: the package in the base and the one in the result, by name."""
    base = {**{one.name: None for one in effect.added}, **{one.name: one for one in effect.removed}}
    result = {**{one.name: one for one in effect.added}, **{one.name: None for one in effect.removed}}
    for new, old in effect.replaced:
        base[old.name], result[old.name] = old, new
    return base, result


def difference(before: Effect, after: Effect) -> list[str]:
    """The lines by which rpm-ostree tells what another change of the same base brings."""
    (base, was), (other_base, will) = _states(before), _states(after)
    bases = {**base, **other_base}
    parts: dict[str, list[str]] = {"Upgraded": [], "Downgraded": [], "Removed": [], "Added": []}
    for name in sorted(bases):
        old, new = was.get(name, bases[name]), will.get(name, bases[name])
        if old == new:
            continue
        if old is not None and new is not None:
            parts["Upgraded" if _is_newer(new, old) else "Downgraded"].append(f"{name} {evr(old)} -> {evr(new)}")
        elif new is not None:
            parts["Added"].append(new.nevra)
        elif old is not None:
            parts["Removed"].append(old.nevra)
    return [line for title, rows in parts.items() if rows for line in (f"{title}:", *(f"  {row}" for row in rows))]
