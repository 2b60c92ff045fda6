/**
 * Versions of the reference OS on which packages can be layered: with the stand-in for rpm-ostree (`standin/rpm-ostree`), RPM packages with their
 * database, of which stories have one removed and one replaced, and the real flatpak in a layer of its own below these. Those of them that do less than they say are what one story of layered packages has to catch.
 */
import type { LayerEntry } from "./layer-entry.ts";
import { likeV1, likeV2, noLocalPlugin, type VersionRecipe } from "./recipe.ts";

const real = "/usr/lib/bootgate-standin/rpm-ostree";

const rpmOstree: readonly LayerEntry[] = [
  { kind: "link", path: "usr/bin/rpm-ostree", target: "../lib/bootgate-standin/rpm-ostree" },
  { kind: "packages", tree: "changeable" },
  noLocalPlugin,
];

/** A program that runs some lines of sh first; what they do not end goes on to the stand-in. */
const before = (program: "bootc" | "rpm-ostree", ...lines: readonly string[]): LayerEntry => ({
  kind: "file",
  path: `usr/bin/${program}`,
  text: ["#!/bin/sh", ...lines, `exec /usr/lib/bootgate-standin/${program} "$@"`, ""].join("\n"),
  mode: 0o755,
});

/** The real dnf5, which comes later in PATH, behind some lines of sh. */
const dnfBefore = (...lines: readonly string[]): LayerEntry => ({
  kind: "file",
  path: "usr/sbin/dnf5",
  text: ["#!/bin/sh", ...lines, 'exec /usr/bin/dnf5 "$@"', ""].join("\n"),
  mode: 0o755,
});

const v1 = (name: string, description: string, ...wrong: readonly LayerEntry[]): VersionRecipe => ({
  ...{ description, hasDisk: true, day: 0 },
  entries: [...likeV1(name), ...rpmOstree, ...wrong],
});

const v2 = (name: string, description: string, ...wrong: readonly LayerEntry[]): VersionRecipe => ({
  ...{ description, hasDisk: true, day: 31 },
  entries: [...likeV2(name), ...rpmOstree, ...wrong],
});

/** By version; a name is also the tag in the layout of this edition. */
export const rpmOstreeRecipes = {
  v1: v1("v1", "v1 with the stand-in for rpm-ostree"),
  v2: v2("v2", "v2 with the stand-in for rpm-ostree"),
  "v1-upgrades-layered": v1(
    "v1-upgrades-layered",
    "`bootc upgrade` does not refuse layered packages: it exits 0 and does nothing",
    before("bootc", '[ "$*" = upgrade ] && { echo "No update available."; exit 0; }'),
  ),
  "v1-forgets-packages": v1(
    "v1-forgets-packages",
    "`rpm-ostree status` does not tell what was layered",
    before(
      "rpm-ostree",
      `[ "$*" = "status --json" ] && { ${real} status --json | sed 's/"bootgate-layered[^"]*"//'; exit; }`,
    ),
  ),
  "v1-forgets-overrides": v1(
    "v1-forgets-overrides",
    "`rpm-ostree status` does not tell which packages of the base were removed or replaced",
    before(
      "rpm-ostree",
      `[ "$*" = "status --json" ] && { ${real} status --json | python3 -c '`,
      "import json, sys",
      "told = json.load(sys.stdin)",
      'for one in told["deployments"]:',
      '    one.update({key: [] for key in one if key.endswith(("base-removals", "base-local-replacements"))})',
      "print(json.dumps(told))",
      "'; exit; }",
    ),
  ),
  "v1-removes-nothing": v1(
    "v1-removes-nothing",
    "`rpm-ostree override replace` leaves out what is to be removed",
    before(
      "rpm-ostree",
      'if [ "$1" = override ]; then',
      "  for word; do",
      "    shift",
      '    case "$word" in --remove=*) ;; *) set -- "$@" "$word" ;; esac',
      "  done",
      "fi",
    ),
  ),
  "v1-switch-refuses": v1(
    "v1-switch-refuses",
    "`bootc switch` fails, and not for what is layered",
    before(
      "bootc",
      '[ "$1" = switch ] && { echo "error: Switching: Pulling: Importing: Unencapsulating base: Layer sha256:0123: Broken pipe" >&2; exit 1; }',
    ),
  ),
  "v2-removes-from-database": v2(
    "v2-removes-from-database",
    "Its dnf5 removes packages from the database alone",
    dnfBefore(
      'case "$*" in',
      "  *' remove '*) for word; do :; done; exec rpm -e --justdb \"$word\" ;;",
      "esac",
    ),
  ),
  "v2-loses-etc": v2(
    "v2-loses-etc",
    "A service of it removes what the machine has in /etc/bootgate",
    {
      kind: "file",
      path: "usr/lib/systemd/system/reference-loses.service",
      text: "[Unit]\nDescription=Removes local settings\n\n[Service]\nType=oneshot\nExecStart=/bin/rm -rf /etc/bootgate\n",
    },
    {
      kind: "link",
      path: "usr/lib/systemd/system/multi-user.target.wants/reference-loses.service",
      target: "../reference-loses.service",
    },
  ),
  "v2-loses-flatpaks": v2(
    "v2-loses-flatpaks",
    "A service of it removes the Flatpaks that the machine has",
    {
      kind: "file",
      path: "usr/lib/systemd/system/reference-loses.service",
      text: "[Unit]\nDescription=Removes Flatpaks\n\n[Service]\nType=oneshot\nExecStart=/bin/rm -rf /var/lib/flatpak\n",
    },
    {
      kind: "link",
      path: "usr/lib/systemd/system/multi-user.target.wants/reference-loses.service",
      target: "../reference-loses.service",
    },
  ),
  "v2-stays": v2(
    "v2-stays",
    "`rpm-ostree rollback` exits 0 and does nothing",
    before("rpm-ostree", '[ "$*" = rollback ] && exit 0'),
  ),
} as const satisfies Record<string, VersionRecipe>;
