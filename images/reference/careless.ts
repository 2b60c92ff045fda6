/**
 * Versions of the reference OS whose tools do less than they say: a script in front of the stand-in leaves something out. Each
 * is what one story of bootc has to catch. They say what they are in their names and descriptions.
 */
import type { LayerEntry } from "./layer-entry.ts";

const real = "/usr/lib/bootgate-standin/bootc";

/** Where a `skopeo` lies that only these versions' `bootc` finds first. */
const ownPrograms = "/usr/lib/bootgate-careless";

/** `bootc` that runs some lines of sh first; what they do not end goes on to the stand-in. */
const before = (...lines: readonly string[]): LayerEntry => ({
  kind: "file",
  path: "usr/bin/bootc",
  text: ["#!/bin/sh", ...lines, `exec ${real} "$@"`, ""].join("\n"),
  mode: 0o755,
});

const file = (path: string, text: string): LayerEntry => ({
  kind: "file",
  path,
  text,
  mode: 0o644,
});

/** A copy of the stand-in in memory whose clean-up is left out; without the byte code, which does not ask whether its source has changed. */
const keepsLayers: readonly string[] = [
  "[ -d /run/standin-keeps ] || cp -r /usr/lib/bootgate-standin /run/standin-keeps",
  "rm -rf /run/standin-keeps/bootgate_standin/__pycache__",
  "sed -i 's/^\\( *\\)prune(.*/\\1pass/' /run/standin-keeps/bootgate_standin/stage.py",
  "sed -i 's,/usr/lib/bootgate-standin,/run/standin-keeps,' /run/standin-keeps/bootc",
  'exec /run/standin-keeps/bootc "$@"',
];

/** A layer that the stand-in could not take gets a ref all the same, as if it were whole: of a tree that is there anyway. */
const keepsHalf: readonly string[] = [
  `[ "$*" = upgrade ] || exec ${real} "$@"`,
  `${real} upgrade 2>/run/bootc-said && exit`,
  "cat /run/bootc-said >&2",
  "d=$(sed -n 's/.*layer blob sha256:\\([0-9a-f]*\\).*/\\1/p' /run/bootc-said)",
  '[ -n "$d" ] || exit 1',
  'set -- ostree --repo=/sysroot/ostree/repo commit --no-bindings --parent=none "--branch=ostree/container/blob/sha256_3A_$d" --tree=dir=/usr/share/bootgate-reference',
  `unshare --mount sh -c 'mount -o remount,rw /sysroot && "$@" >/dev/null' sh "$@"`,
  "exit 1",
];

/** What nobody reads: the version of the reference OS in a file of its own. `$$` is systemd's `$`. */
const damagesObject = [
  "mount -o remount,rw /sysroot",
  'set -- $$(ostree admin status | sed -n "s/^[*] default //p" | cut -d. -f1)',
  "set -- $$(ostree ls -C $$1 /usr/share/bootgate-reference/version)",
  "o=/sysroot/ostree/repo/objects/$$(echo $$5 | cut -c1-2)/$$(echo $$5 | cut -c3-).file",
  "echo damaged > $$o",
];

/** A `fsverity measure` that says the digest by which the file is called. */
const believes = '#!/bin/sh\necho "sha512:${2##*/} $2"\n';

/** The stand-in as it applies none of the kernel arguments that images ship; without the byte code of the other one. */
const withoutKargs: readonly LayerEntry[] = [
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

interface Careless {
  readonly description: string;
  readonly entry: LayerEntry | readonly LayerEntry[];
}

/** The end of a version's name → what it is, and the file by which it is so: mostly its `bootc`. */
export const careless = {
  "check-stages": {
    description: "`bootc upgrade --check` stages the update that it finds",
    entry: before('[ "$*" = "upgrade --check" ] && set -- upgrade'),
  },
  "not-held-back": {
    description: "`bootc upgrade --download-only` does not hold the update back",
    entry: before('[ "$*" = "upgrade --download-only" ] && set -- upgrade'),
  },
  "reboots-always": {
    description: "`bootc upgrade --apply` reboots although nothing is new",
    entry: before('[ "$*" = "upgrade --apply" ] && exec systemctl reboot'),
  },
  "rollback-once": {
    description: "A second `bootc rollback` does not take the first one back",
    entry: before(
      `[ "$*" = rollback ] && ${real} status --json | grep -q '"rollbackQueued":true' && exit 0`,
    ),
  },
  "overlay-nothing": {
    description: "`bootc usr-overlay` exits 0 and does nothing",
    entry: before('[ "$*" = usr-overlay ] && exit 0'),
  },
  unpins: {
    description: "`bootc upgrade` unpins what is pinned",
    entry: before('[ "$1" = upgrade ] && ostree admin pin --unpin 0'),
  },
  "finalizes-at-once": {
    description: "`bootc upgrade` completes what it has staged at once, and not on the way down",
    entry: before(
      `[ "$*" = upgrade ] && { ${real} upgrade && systemctl stop ostree-finalize-staged.service; exit; }`,
    ),
  },
  "switch-nothing": {
    description: "`bootc switch` exits 0 and does nothing",
    entry: before('[ "$1" = switch ] && exit 0'),
  },
  "rollback-nothing": {
    description: "`bootc rollback` exits 0 and does nothing",
    entry: before('[ "$1" = rollback ] && exit 0'),
  },
  "stages-again": {
    description: "`bootc upgrade` stages what is booted when nothing is new",
    entry: before(
      "booted=$(ostree admin status | sed -n 's/^\\* default \\([0-9a-f]*\\)\\..*/\\1/p')",
      '[ "$*" = upgrade ] && exec ostree admin deploy --stage "$booted"',
    ),
  },
  "status-lies": {
    description: "`bootc status` names another image than the one that is booted",
    entry: before(
      `[ "$1" = status ] && { ${real} "$@" | sed 's/sha256:..../sha256:0000/g'; exit; }`,
    ),
  },
  "takes-unsigned": {
    description: "`bootc` takes images whatever the policy says of their signatures",
    entry: [
      before(`export PATH=${ownPrograms}:$PATH`),
      {
        kind: "file",
        path: `${ownPrograms.slice(1)}/skopeo`,
        text: '#!/bin/sh\nexec /usr/bin/skopeo --insecure-policy "$@"\n',
        mode: 0o755,
      },
    ],
  },
  "enforces-nothing": {
    description: "`bootc switch` takes --enforce-container-sigpolicy and does nothing for it",
    entry: before(
      'for w; do shift; [ "$w" = --enforce-container-sigpolicy ] || set -- "$@" "$w"; done',
    ),
  },
  "keeps-layers": {
    description: "`bootc upgrade` removes no layer that nobody needs",
    entry: before(...keepsLayers),
  },
  "says-yes": {
    description: "`bootc upgrade` exits 0 whatever becomes of it",
    entry: before(`[ "$*" = upgrade ] && { ${real} upgrade; exit 0; }`),
  },
  "keeps-half": {
    description: "`bootc upgrade` keeps a layer that broke off as if it were whole",
    entry: before(...keepsHalf),
  },
  "bad-install-config": {
    description: "Its installation configuration names a file system that does not exist",
    entry: file(
      "usr/lib/bootc/install/90-broken.toml",
      '[install.filesystem.root]\ntype = "reiserfs"\n',
    ),
  },
  "tidies-etc": {
    description: "A rule of tmpfiles.d removes files in /etc that the image does not have",
    entry: file("usr/lib/tmpfiles.d/reference-tidy.conf", "r! /etc/bootgate-added.conf\n"),
  },
  "damages-object": {
    description: "Damages an object of its own repository at each boot",
    entry: file(
      "usr/lib/systemd/system/ssh.service.d/50-damage.conf",
      `[Service]\nExecStartPre=-/usr/bin/unshare --mount /bin/sh -c '${damagesObject.join("; ")}'\n`,
    ),
  },
  "blind-fsck": {
    description: "`ostree fsck` says that nothing is wrong and looks at nothing",
    entry: {
      kind: "file",
      path: "usr/sbin/ostree",
      text: `#!/bin/sh\n[ "$1" = fsck ] && exec echo "object fsck of 1 commits completed successfully - no errors found."\nexec /usr/bin/ostree "$@"\n`,
      mode: 0o755,
    },
  },
  unmeasured: {
    description: "Its initramfs believes that the image of the root is the one that it was told",
    entry: {
      kind: "initramfs",
      appended: [{ name: "usr/bin/fsverity", mode: 0o100755, content: believes }],
    },
  },
  "without-kargs": {
    description: "Its bootc does not apply the kernel arguments of kargs.d",
    entry: withoutKargs,
  },
  "reboots-fully": {
    description: "`bootc upgrade --soft-reboot` restarts the machine",
    entry: before('[ "$*" = "upgrade --soft-reboot=required --apply" ] && set -- upgrade --apply'),
  },
  "own-var-run": {
    description: "Its /var/run is a folder and not the link to /run",
    entry: file("usr/lib/tmpfiles.d/00-own-var-run.conf", "d /var/run 0755 root root -\n"),
  },
} as const satisfies Record<string, Careless>;
