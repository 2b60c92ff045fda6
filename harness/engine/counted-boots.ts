/** Whether GRUB counts the boots of a guest, which a fallback hangs on. */
import type { Guest } from "../guest/guest.ts";
import { grubOf } from "../guest/tools/grub.ts";

const dropIns = "/usr/lib/bootupd/grub2-static/configs.d";

/** Why it does not. */
export interface NotCounted {
  /** A whole sentence. */
  readonly reason: string;
  /** Whether the image or its own installation lacks it, and not the backend or the layout of the disk. */
  readonly isImages: boolean;
}

/**
 * Null where GRUB counts: by a drop-in of the image that bootupd puts into grub.cfg at the installation alone, or by a custom.cfg that
 * it sources. Counters in the names of entries are systemd-boot's (the Boot Loader Specification, "Boot counting").
 */
export async function whyNotCounted(guest: Guest): Promise<NotCounted | null> {
  const ofDisk = (reason: string): NotCounted => ({ reason, isImages: false });
  const ofImage = (reason: string): NotCounted => ({ reason, isImages: true });
  if ((await guest.backend()) !== "ostree")
    return ofDisk("With bootc's composefs backend boots are counted by systemd-boot, if at all.");
  const grub = grubOf(guest);
  if (!(await grub.config()).countsBoots) {
    const { stdout } = await guest.attempt`grep -rls boot_counter ${dropIns}`;
    return stdout.trim() === ""
      ? ofImage(
          "Nothing counts boots: no line of grub.cfg and no drop-in of the image looks at boot_counter.",
        )
      : ofImage(
          `The disk was installed without the image's drop-in that counts boots (${stdout.trim().slice(0, 200)}), and an upgrade does not add it to grub.cfg.`,
        );
  }
  if ((await grub.environment()) === null) return ofImage("The image does not have grub2-editenv.");
  const unwritable = await grub.unwritable();
  return unwritable === null
    ? null
    : ofDisk(`The disk has /boot on ${unwritable}, where GRUB cannot write its environment.`);
}
