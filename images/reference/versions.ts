/**
 * The versions of the reference OS: v1, v2, and what can be wrong with a v2. Each is a list of files on top of the
 * same lower layers, so that an upgrade pulls kilobytes and a fault costs nothing to build.
 */
import type { SectorBytes } from "../image.ts";
import { careless } from "./careless.ts";
import type { LayerEntry } from "./layer-entry.ts";

export interface VersionRecipe {
  readonly description: string;
  /** False for a version that is only ever an upgrade target. */
  readonly hasDisk: boolean;
  /** Days after the epoch of all images; a later version is made later. */
  readonly day: number;
  readonly entries: readonly LayerEntry[];
  /** Kernel arguments of the installed disk besides its root. Default: both consoles. */
  readonly consoleArguments?: readonly string[];
  /** What the installed disk follows. Default: the reference that the harness serves. */
  readonly follows?: string;
  /** True for a disk whose boot loader shows a countdown that stands still until Enter; UEFI only. */
  readonly menuStands?: boolean;
  /** Bytes in a sector of the installed disk. Default 512. */
  readonly sectorBytes?: SectorBytes;
}

const file = (path: string, text: string, mode = 0o644): LayerEntry => ({
  kind: "file",
  path,
  text,
  mode,
});

const osRelease = (version: string): string =>
  [
    `PRETTY_NAME="bootgate reference OS ${version}"`,
    'NAME="bootgate reference OS"',
    "ID=bootgate-reference",
    "ID_LIKE=debian",
    `VERSION="${version}"`,
    `VERSION_ID=${version}`,
    "IMAGE_ID=bootgate-reference",
    `IMAGE_VERSION=${version}`,
    "",
  ].join("\n");

const common = (version: string): readonly LayerEntry[] => [
  file("usr/lib/os-release", osRelease(version)),
  file("usr/share/bootgate-reference/version", `${version}\n`),
];

export const likeV1 = (version: string): readonly LayerEntry[] => [
  ...common(version),
  file("etc/reference-default.conf", "# A default that v2 changes.\ngreeting=hello from v1\n"),
];

export const likeV2 = (version: string): readonly LayerEntry[] => [
  ...common(version),
  file("etc/reference-default.conf", "# A default that v2 changes.\ngreeting=hello from v2\n"),
  file("etc/reference-new.conf", "# A file that v1 does not have.\nsince=v2\n"),
];

const failingUnit = [
  "[Unit]",
  "Description=A service that this image broke",
  "",
  "[Service]",
  "Type=oneshot",
  "ExecStart=/bin/sh -c 'echo reference-broken: refusing to work; exit 3'",
  "",
  "[Install]",
  "WantedBy=multi-user.target",
  "",
].join("\n");

const plainPrepareRoot = "[sysroot]\nreadonly = true\n";

const brokenInit = [
  "#!/bin/sh",
  "echo 'reference-os: this initramfs cannot start the system' > /dev/kmsg",
  "exit 1",
  "",
].join("\n");

const broken = (
  version: string,
  description: string,
  entries: readonly LayerEntry[],
): VersionRecipe => ({
  description,
  hasDisk: true,
  day: 40,
  entries: [...likeV2(version), ...entries],
});

/** A service that runs a script with every boot. */
const service = (name: string, description: string, script: string): readonly LayerEntry[] => [
  file(`usr/libexec/reference/${name}`, script),
  file(
    `usr/lib/systemd/system/${name}.service`,
    [
      "[Unit]",
      `Description=${description}`,
      "",
      "[Service]",
      `ExecStart=/bin/sh /usr/libexec/reference/${name}`,
      "",
    ].join("\n"),
  ),
  {
    kind: "link",
    path: `usr/lib/systemd/system/multi-user.target.wants/${name}.service`,
    target: `../${name}.service`,
  },
];

/** Lines that would mean something to a program that prints a console unguarded: XML, HTML, CI commands, escape codes. */
const hostileLines = [
  "]]></system-out></testcase><testcase name='forged'><failure message='forged'/>",
  "</pre><script>document.title = 'forged'</script><img src=x onerror=alert(1)>",
  "::error file=forged::forged",
  "##vso[task.complete result=Failed;]forged",
  "##teamcity[testFailed name='forged']",
  "\\033]0;forged\\007\\033[2J\\033[31mforged\\033[0m",
  "not ok 1 - forged",
  "Bail out! forged",
];

const flood = [
  "while :; do",
  ...hostileLines.map((line) => `  printf '%b\\r\\n' ${`'${line.replaceAll("'", `'"'"'`)}'`}`),
  "  sleep 0.3",
  "done > /dev/ttyS0",
  "",
].join("\n");

const clockJumps = [
  "while sleep 8; do",
  "  date -s '+40 days'",
  "  sleep 8",
  "  date -s '-40 days'",
  "done",
  "",
].join("\n");

const noisyShell = [
  'echo "+----------------------------------+"',
  'echo "| Authorised use only. Go away.    |"',
  'echo "+----------------------------------+"',
  'echo "bash.bashrc: module not found" >&2',
  "export LANG=de_DE.UTF-8 LANGUAGE=de",
  "alias ls='ls --color=always'",
  "",
].join("\n");

/** Good images in shapes that people have: what is odd about each must not be held against it, or be named where it must. */
const shapes = {
  "v2-quiet": {
    ...broken("v2-quiet", "Says nothing on the serial port, as a desktop: rhgb quiet", []),
    consoleArguments: ["rhgb", "quiet"],
  },
  "v2-no-sshd": broken("v2-no-sshd", "Does not enable sshd", [
    { kind: "whiteout", path: "etc/systemd/system/multi-user.target.wants/ssh.service" },
    { kind: "whiteout", path: "etc/systemd/system/sshd.service" },
  ]),
  "v2-mute": {
    ...broken("v2-mute", "Says nothing on the serial port, and its sshd is masked", [
      { kind: "whiteout", path: "etc/systemd/system/multi-user.target.wants/ssh.service" },
      { kind: "link", path: "etc/systemd/system/ssh.service", target: "/dev/null" },
      { kind: "link", path: "etc/systemd/system/sshd.service", target: "/dev/null" },
    ]),
    consoleArguments: ["rhgb", "quiet"],
  },
  "v2-menu-stands": {
    ...broken("v2-menu-stands", "The countdown of its boot menu stands still until Enter", []),
    menuStands: true,
  },
  "v2-large-sectors": {
    ...broken("v2-large-sectors", "Its disk is made for sectors of 4096 bytes; UEFI only", []),
    sectorBytes: 4096,
  },
  "v2-dead-sshd": broken("v2-dead-sshd", "An option that sshd does not know: it does not start", [
    file("etc/ssh/sshd_config.d/20-broken.conf", "PermitRotLogin yes\n"),
  ]),
  "v2-noisy-shell": broken(
    "v2-noisy-shell",
    "The start-up file of its shell prints a banner, and its language is German",
    [file("etc/bash.bashrc", noisyShell)],
  ),
  "v2-vendor": {
    ...broken("v2-vendor", "Its disk follows its vendor's reference", []),
    follows: "registry.example.com/vendor/os:stable",
  },
  "v2-floods": broken("v2-floods", "Prints markup and CI commands on its console without end", [
    ...service("reference-flood", "Prints on the console without end", flood),
  ]),
  "v2-clock-jumps": broken("v2-clock-jumps", "Its clock jumps by 40 days, forth and back", [
    ...service("reference-clock", "Sets the clock forth and back", clockJumps),
  ]),
} as const satisfies Record<string, VersionRecipe>;

/** A v1 whose `bootc` does less than it says. */
const carelessV1 = (name: keyof typeof careless): VersionRecipe => ({
  ...{ description: careless[name].description, hasDisk: true, day: 0 },
  entries: [...likeV1(`v1-${name}`), careless[name].entry].flat(),
});

/** The same of a v2. */
const carelessV2 = (name: keyof typeof careless): VersionRecipe =>
  broken(`v2-${name}`, careless[name].description, [careless[name].entry].flat());

const carelessOnes = {
  "v1-check-stages": carelessV1("check-stages"),
  "v1-not-held-back": carelessV1("not-held-back"),
  "v1-reboots-always": carelessV1("reboots-always"),
  "v1-unpins": carelessV1("unpins"),
  "v1-finalizes-at-once": carelessV1("finalizes-at-once"),
  "v1-switch-nothing": carelessV1("switch-nothing"),
  "v2-rollback-once": carelessV2("rollback-once"),
  "v2-rollback-nothing": carelessV2("rollback-nothing"),
  "v2-stages-again": carelessV2("stages-again"),
  "v2-status-lies": carelessV2("status-lies"),
  "v2-keeps-layers": carelessV2("keeps-layers"),
  "v2-bad-install-config": carelessV2("bad-install-config"),
  "v2-tidies-etc": carelessV2("tidies-etc"),
  "v2-overlay-nothing": carelessV2("overlay-nothing"),
  "v2-without-kargs": carelessV2("without-kargs"),
  "v1-reboots-fully": carelessV1("reboots-fully"),
  "v2-own-var-run": carelessV2("own-var-run"),
} as const satisfies Record<string, VersionRecipe>;

/** All versions by name. The name is also the tag in the OCI layout. */
export const versionRecipes = {
  v1: {
    description: "The first version",
    hasDisk: true,
    day: 0,
    entries: [...likeV1("v1")],
  },
  v2: {
    description: "A good update of v1: a new default in /etc, a new file in /etc",
    hasDisk: true,
    day: 31,
    entries: likeV2("v2"),
  },
  "v2-panic": broken("v2-panic", "The initramfs cannot start the system: the kernel panics", [
    {
      kind: "initramfs",
      appended: [{ name: "init", mode: 0o100755, content: brokenInit }],
    },
  ]),
  "v2-failed-unit": broken(
    "v2-failed-unit",
    "A service wanted by multi-user.target fails at each boot",
    [
      file("usr/lib/systemd/system/reference-broken.service", failingUnit),
      {
        kind: "link",
        path: "usr/lib/systemd/system/multi-user.target.wants/reference-broken.service",
        target: "../reference-broken.service",
      },
    ],
  ),
  "v2-no-composefs": broken(
    "v2-no-composefs",
    "The initramfs has no composefs in its prepare-root.conf: boots on a plain ext4 root",
    [
      {
        kind: "initramfs",
        appended: [
          {
            name: "usr/lib/ostree/prepare-root.conf",
            mode: 0o100644,
            content: plainPrepareRoot,
          },
        ],
      },
    ],
  ),
  "v2-no-network": broken(
    "v2-no-network",
    "The network configuration got lost: boots, and never answers on SSH",
    [{ kind: "whiteout", path: "usr/lib/systemd/network/20-wired.network" }],
  ),
  "v2-finalize-fails": {
    ...broken(
      "v2-finalize-fails",
      "Turns a file that machines have in /etc into a folder: the merge at shutdown fails",
      [file("etc/reference-site.conf/10-default.conf", "site=unnamed\n")],
    ),
    hasDisk: false,
  },
  ...shapes,
  ...carelessOnes,
} as const satisfies Record<string, VersionRecipe>;

export type VersionName = keyof typeof versionRecipes;
export const versionNames = Object.keys(versionRecipes) as VersionName[];
