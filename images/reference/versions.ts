/**
 * The versions of the reference OS: v1, v2, and what can be wrong with a v2. Each is a list of files on top of the
 * same lower layers, so that an upgrade pulls kilobytes and a fault costs nothing to build.
 */
import type { CpioFile } from "./cpio.ts";

/** One thing in a version's layer. `whiteout` removes what a lower layer has. */
export type LayerEntry =
  | { readonly kind: "file"; readonly path: string; readonly text: string; readonly mode?: number }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "whiteout"; readonly path: string }
  | { readonly kind: "initramfs"; readonly appended: readonly CpioFile[] };

export interface VersionRecipe {
  readonly description: string;
  /** False for a version that is only ever an upgrade target. */
  readonly hasDisk: boolean;
  /** Days after the epoch of all images; a later version is made later. */
  readonly day: number;
  readonly entries: readonly LayerEntry[];
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

const likeV2 = (version: string): readonly LayerEntry[] => [
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

/** All versions by name. The name is also the tag in the OCI layout. */
export const versionRecipes = {
  v1: {
    description: "The first version",
    hasDisk: true,
    day: 0,
    entries: [
      ...common("v1"),
      file("etc/reference-default.conf", "# A default that v2 changes.\ngreeting=hello from v1\n"),
    ],
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
} as const satisfies Record<string, VersionRecipe>;

export type VersionName = keyof typeof versionRecipes;
export const versionNames = Object.keys(versionRecipes) as VersionName[];
