/**
 * Versions of the reference OS with the real bootupd, its unit, a shim and upstream's static GRUB configuration. They install
 * themselves like any image, so none has a disk of its own making.
 */
import type { LayerEntry } from "./layer-entry.ts";
import { likeV1, likeV2, type VersionRecipe } from "./versions.ts";

const update = "usr/lib/systemd/system/bootloader-update.service";

/** A service in place of bootupd's that does nothing. */
const forgetful: LayerEntry = {
  kind: "file",
  path: update,
  text: [
    "[Unit]",
    "Description=Update bootloader on boot",
    "",
    "[Service]",
    "Type=oneshot",
    "ExecStart=/usr/bin/true",
    "RemainAfterExit=yes",
    "",
  ].join("\n"),
};

const updated = (
  version: string,
  description: string,
  entries: readonly LayerEntry[],
): VersionRecipe => ({
  description,
  hasDisk: false,
  day: 31,
  entries: [...likeV2(version), { kind: "bootupd", payload: "v2" }, ...entries],
});

/** By version; a name is also the tag in the layout of this edition. */
export const bootupdRecipes = {
  v1: {
    description: "v1 with the real bootupd",
    hasDisk: false,
    day: 0,
    entries: [...likeV1("v1-bootupd"), { kind: "bootupd", payload: "v1" }],
  },
  v2: updated("v2-bootupd", "v2 with the real bootupd and another build of GRUB", []),
  "v2-forgetful": updated(
    "v2-forgetful",
    "bootloader-update.service does nothing: the EFI system partition keeps the old GRUB",
    [forgetful],
  ),
} as const satisfies Record<string, VersionRecipe>;
