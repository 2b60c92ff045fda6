/** What a version of the reference OS is made of, and the files that all of its v1 and v2 have. */
import type { SectorBytes } from "../image.ts";
import type { LayerEntry } from "./layer-entry.ts";

export interface VersionRecipe {
  readonly description: string;
  /** False for a version that is only ever an upgrade target, or whose disk can only be made by its own `bootc install`. */
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

export const file = (path: string, text: string, mode = 0o644): LayerEntry => ({
  kind: "file",
  path,
  text,
  mode,
});

/** Debian enables a plugin that copies each installed package and wants createrepo_c, without which dnf5 exits 1 in the end. */
export const noLocalPlugin = file(
  "etc/dnf/libdnf5-plugins/local.conf",
  "[main]\nname = local\nenabled = 0\n",
);

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

/** A v2 with something wrong or odd. */
export const broken = (
  version: string,
  description: string,
  entries: readonly LayerEntry[],
): VersionRecipe => ({
  description,
  hasDisk: true,
  day: 40,
  entries: [...likeV2(version), ...entries],
});
