/**
 * Versions of the reference OS with RPM packages and their database, so that its real dnf5 has something to work on. What is
 * Debian's is known to the database as one package, which provides the shell that scriptlets ask for.
 */
import type { LayerEntry } from "./layer-entry.ts";
import { file, likeV1, likeV2, noLocalPlugin, type VersionRecipe } from "./recipe.ts";

/** What all versions have whose packages are those of v1. */
export const likeDnf5 = (
  version: string,
  entries: readonly LayerEntry[] = [],
): readonly LayerEntry[] => [
  ...likeV1(version),
  { kind: "packages", tree: "v1" },
  noLocalPlugin,
  ...entries,
];

/** `dnf5` that runs some lines of sh first; what they do not end goes on to the real one, which comes later in PATH. */
const dnfBefore = (...lines: readonly string[]): LayerEntry =>
  file("usr/sbin/dnf5", ["#!/bin/sh", ...lines, 'exec /usr/bin/dnf5 "$@"', ""].join("\n"), 0o755);

const bootcBefore = (...lines: readonly string[]): LayerEntry =>
  file(
    "usr/bin/bootc",
    ["#!/bin/sh", ...lines, 'exec /usr/lib/bootgate-standin/bootc "$@"', ""].join("\n"),
    0o755,
  );

const wrong = (
  name: string,
  description: string,
  entries: readonly LayerEntry[],
): VersionRecipe => ({
  ...{ description, hasDisk: true, day: 0 },
  entries: likeDnf5(name, entries),
});

/** By version; a name is also the tag in the layout of this edition. */
export const dnf5Recipes = {
  v1: { description: "v1 with RPM packages", hasDisk: true, day: 0, entries: likeDnf5("v1-dnf5") },
  v2: {
    description: "One package upgraded, one downgraded, one swapped, one removed",
    hasDisk: true,
    day: 31,
    entries: [...likeV2("v2-dnf5"), { kind: "packages", tree: "v2" }, noLocalPlugin],
  },
  "v1-opens-usr": wrong("v1-opens-usr", "Its dnf5 opens /usr where it should refuse", [
    dnfBefore(
      'case "$*" in',
      "  *--transient*|*--assumeno*|*--downloadonly*|*--installroot*) ;;",
      "  *install*) bootc usr-overlay > /dev/null 2>&1 ;;",
      "esac",
    ),
  ]),
  "v1-open-overlay": wrong(
    "v1-open-overlay",
    "`bootc usr-overlay --read-only` makes an overlay that everybody can write to",
    [bootcBefore('[ "$*" = "usr-overlay --read-only" ] && set -- usr-overlay')],
  ),
  "v1-lasting-overlay": wrong(
    "v1-lasting-overlay",
    "`bootc usr-overlay` makes an overlay that stays",
    [bootcBefore('[ "$*" = usr-overlay ] && exec ostree admin unlock --hotfix')],
  ),
  "v1-persists": wrong(
    "v1-persists",
    "Its dnf5 takes a persistent transaction for a transient one",
    [
      dnfBefore(
        "for word; do",
        "  shift",
        '  [ "$word" = --setopt=persistence=persist ] && word=--setopt=persistence=transient',
        '  set -- "$@" "$word"',
        "done",
      ),
    ],
  ),
  "v1-drifts": wrong("v1-drifts", "Its dnf5 protects no path from drift", [
    dnfBefore(
      "for word; do",
      "  shift",
      '  case "$word" in --setopt=usr_drift_protected_paths=*) ;; *) set -- "$@" "$word" ;; esac',
      "done",
    ),
  ]),
  "v1-without-scriptlets": wrong("v1-without-scriptlets", "Its dnf5 runs no scriptlet", [
    file("usr/share/dnf5/libdnf.conf.d/50-reference.conf", "[main]\ntsflags=noscripts\n"),
  ]),
  "v1-claims-bootc": wrong("v1-claims-bootc", "Its dnf5 takes every system for one of bootc", [
    dnfBefore("PATH=/usr/sbin:/usr/bin"),
  ]),
  "v1-removes-from-database": wrong(
    "v1-removes-from-database",
    "Its dnf5 removes packages from the database alone",
    [
      dnfBefore(
        'case "$*" in',
        "  *' remove '*) for word; do :; done; exec rpm -e --justdb \"$word\" ;;",
        "esac",
      ),
    ],
  ),
  "v1-makes-no-initramfs": wrong("v1-makes-no-initramfs", "Its dracut makes nothing", [
    file("usr/sbin/dracut", "#!/bin/sh\nexit 0\n", 0o755),
  ]),
  "v2-old-database": {
    description: "The files of v2 with the package database of v1",
    hasDisk: false,
    day: 31,
    entries: [
      ...likeV2("v2-old-database"),
      { kind: "packages", tree: "v2" },
      { kind: "packages", tree: "v1", below: "usr/lib/sysimage" },
      noLocalPlugin,
    ],
  },
} as const satisfies Record<string, VersionRecipe>;
