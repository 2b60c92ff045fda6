/** How a disk is made of an OCI image: what a person can choose of `bootc install`, and what is recorded with the disk. */
import { z } from "zod";

export const fileSystems = ["ext4", "xfs", "btrfs"] as const;
export const backends = ["ostree", "composefs"] as const;
export const bootLoaders = ["grub", "systemd", "none"] as const;

export const diskRecipe = z.strictObject({
  /** null: what the image's own install configuration says, and ext4 where that says nothing. */
  filesystem: z.enum(fileSystems).nullable(),
  backend: z.enum(backends),
  /** null: what bootc chooses. */
  bootloader: z.enum(bootLoaders).nullable(),
  /** Added to those of the image. */
  kernelArguments: z.array(z.string()),
  /** Size of the whole disk. */
  sizeMiB: z.number().int().positive(),
  /** The reference that the installed disk follows. */
  follows: z.string(),
});
export type DiskRecipe = z.output<typeof diskRecipe>;

/** What a run chooses; the rest depends on the image. */
export type RecipeWish = Omit<DiskRecipe, "follows" | "sizeMiB" | "kernelArguments"> & {
  /**
   * null: the screen and the serial port, by which a console can be followed. Without them a kernel on x86_64 says nothing on
   * the serial port.
   */
  readonly kernelArguments: readonly string[] | null;
  /** null: as large as the image asks for. */
  readonly sizeMiB: number | null;
};

/** On less no installer puts a system: the boot partitions alone take it. */
export const smallestDiskMiB = 1024;

/** The least that a disk is made of. */
export const leastDiskMiB = 10 * 1024;

/**
 * Room for the image twice, since an update lies beside what it replaces. Layers of an operating system unpack to about
 * two and a half times their size.
 */
export const diskSizeFor = (packedMiB: number): number =>
  Math.max(leastDiskMiB, Math.ceil((packedMiB * 2.5 * 2 + 4096) / 1024) * 1024);

/** Default of `bootc install to-disk` in most things. The disk has holes, so its size costs nothing until it is filled. */
export const defaultRecipe: RecipeWish = {
  filesystem: null,
  backend: "ostree",
  bootloader: null,
  kernelArguments: null,
  sizeMiB: null,
};
