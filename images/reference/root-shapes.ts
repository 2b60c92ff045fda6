/**
 * What an image can set for its root besides plain composefs (ostree-prepare-root(1)): in the image, and in its initramfs, which is
 * what counts at a boot.
 */
import type { LayerEntry } from "./layer-entry.ts";
import { broken, file, type VersionRecipe } from "./recipe.ts";

const path = "usr/lib/ostree/prepare-root.conf";

const settings = (...lines: readonly string[]): string =>
  [...lines, "[sysroot]", "readonly = true", ""].join("\n");

const inInitramfs = (content: string): LayerEntry => ({
  kind: "initramfs",
  appended: [{ name: path, mode: 0o100644, content }],
});

/** A good image: both have the same. */
const shape = (version: string, description: string, text: string): VersionRecipe =>
  broken(version, description, [file(path, text), inInitramfs(text)]);

const verity = settings("[composefs]", "enabled = verity");

export const rootShapes = {
  // Files get fs-verity on a mounted file system only, so its disk cannot be put together without one.
  "v2-verity": {
    ...shape("v2-verity", "Requires fs-verity of each of its files", verity),
    hasDisk: false,
  },
  "v2-verity-unasked": broken(
    "v2-verity-unasked",
    "Says that it requires fs-verity, and its initramfs does not ask for it",
    [file(path, verity)],
  ),
  "v2-transient-etc": shape(
    "v2-transient-etc",
    "Its /etc is in memory: each boot has the image's own",
    settings("[composefs]", "enabled = yes", "[etc]", "transient = true"),
  ),
  "v2-transient-root": shape(
    "v2-transient-root",
    "Its / can be written, /usr with it, and forgets it",
    settings("[composefs]", "enabled = yes", "[root]", "transient = true"),
  ),
} as const satisfies Record<string, VersionRecipe>;
