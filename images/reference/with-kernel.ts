/**
 * Versions of the reference OS whose kernel is known to the package database, and for which the packages of another one are at hand, so
 * that an image with another kernel can be made of them.
 */
import type { LayerEntry } from "./layer-entry.ts";
import { broken, file, type VersionRecipe } from "./recipe.ts";
import { likeDnf5 } from "./with-dnf5.ts";

const version = (
  name: string,
  description: string,
  entries: readonly LayerEntry[] = [],
): VersionRecipe => ({
  ...broken(name, description, []),
  ...{ day: 0, entries: likeDnf5(name, entries) },
});

const unit = "reference-names-kernel.service";

/** By version; a name is also the tag in the layout of this edition. */
export const kernelRecipes = {
  v1: version("v1", "v1 with RPM packages, of which one owns the kernel"),
  "v1-makes-no-initramfs": version("v1-makes-no-initramfs", "Its dracut makes nothing", [
    file("usr/sbin/dracut", "#!/bin/sh\nexit 0\n", 0o755),
  ]),
  "v1-names-kernel": version("v1-names-kernel", "A service of it works with its own kernel alone", [
    file(
      `usr/lib/systemd/system/${unit}`,
      [
        "[Unit]",
        "Description=Works with one kernel alone",
        "",
        "[Service]",
        "Type=oneshot",
        "ExecStart=/bin/sh -c 'case $$(uname -r) in 6.*) exit 1 ;; esac'",
        "",
      ].join("\n"),
    ),
    {
      kind: "link",
      path: `usr/lib/systemd/system/multi-user.target.wants/${unit}`,
      target: `../${unit}`,
    },
  ]),
} as const satisfies Record<string, VersionRecipe>;
