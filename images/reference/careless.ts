/**
 * Versions of the reference OS whose tools do less than they say: a script in front of the stand-in leaves something out. Each
 * is what one story of bootc has to catch. They say what they are in their names and descriptions.
 */
import type { LayerEntry } from "./layer-entry.ts";

const real = "/usr/lib/bootgate-standin/bootc";

/** `bootc` that runs some lines of sh first; what they do not end goes on to the stand-in. */
const before = (...lines: readonly string[]): LayerEntry => ({
  kind: "file",
  path: "usr/bin/bootc",
  text: ["#!/bin/sh", ...lines, `exec ${real} "$@"`, ""].join("\n"),
  mode: 0o755,
});

/** The end of a version's name → what it is, and its `bootc`. */
export const careless = {
  "check-stages": {
    description: "`bootc upgrade --check` stages the update that it finds",
    bootc: before('[ "$*" = "upgrade --check" ] && set -- upgrade'),
  },
  "not-held-back": {
    description: "`bootc upgrade --download-only` does not hold the update back",
    bootc: before('[ "$*" = "upgrade --download-only" ] && set -- upgrade'),
  },
  "reboots-always": {
    description: "`bootc upgrade --apply` reboots although nothing is new",
    bootc: before('[ "$*" = "upgrade --apply" ] && exec systemctl reboot'),
  },
  "rollback-once": {
    description: "A second `bootc rollback` does not take the first one back",
    bootc: before(
      `[ "$*" = rollback ] && ${real} status --json | grep -q '"rollbackQueued":true' && exit 0`,
    ),
  },
  "overlay-nothing": {
    description: "`bootc usr-overlay` exits 0 and does nothing",
    bootc: before('[ "$*" = usr-overlay ] && exit 0'),
  },
  unpins: {
    description: "`bootc upgrade` unpins what is pinned",
    bootc: before('[ "$1" = upgrade ] && ostree admin pin --unpin 0'),
  },
} as const satisfies Record<string, { readonly description: string; readonly bootc: LayerEntry }>;

/** The stand-in as it applies none of the kernel arguments that images ship; without the byte code of the other one. */
export const withoutKargs: readonly LayerEntry[] = [
  { kind: "whiteout", path: "usr/lib/bootgate-standin/bootgate_standin/__pycache__" },
  {
    kind: "file",
    path: "usr/lib/bootgate-standin/bootgate_standin/kargs.py",
    text: [
      '"""Leaves out what images ship in kargs.d."""',
      "",
      "",
      "def image_kargs(sysroot, commit):",
      "    return []",
      "",
      "",
      "def deployed_kargs(sysroot, deployment):",
      "    return []",
      "",
      "",
      "def changes(old, new, booted_with):",
      "    return []",
      "",
    ].join("\n"),
  },
];
