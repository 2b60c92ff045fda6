/** What a story has GRUB do at the next boot: the words that it finds in its environment (grub2-editenv(1)). */
import { commands } from "../guest/commands.ts";
import type { Guest } from "../guest/guest.ts";
import { grubEnvironmentPath, grubOf } from "../guest/tools/grub.ts";
import { prepareGuest } from "./prepare-guest.ts";

/** Runs grub2-editenv on GRUB's environment: `set NAME=VALUE…`, `unset NAME…`. `what` ends the sentence "could not be …". Throws CannotTell where it fails. */
export const tellGrub = (guest: Guest, what: string, words: string): Promise<string> =>
  prepareGuest(guest, what, commands.inBoot(`grub2-editenv ${grubEnvironmentPath} ${words}`));

/** Seconds for which it waits then. */
const shownSeconds = 60;

/**
 * Has GRUB show its menu at the next boot, also where it hides it, and wait there for a person: by the drop-in that bootupd has for it
 * (`configs.d/14_menu_show_once.cfg`), which forgets it at once. Returns why no menu will be shown, as a whole sentence, or null.
 */
export async function showMenuOnce(guest: Guest): Promise<string | null> {
  const grub = grubOf(guest);
  const { hidesMenu, showsMenuOnce } = await grub.config();
  const isTold =
    showsMenuOnce && (await grub.environment()) !== null && (await grub.unwritable()) === null;
  if (isTold)
    await tellGrub(
      guest,
      "told to show its boot menu",
      `set menu_show_once_timeout=${shownSeconds}`,
    );
  return isTold || !hidesMenu
    ? null
    : `The image's GRUB does not show its menu, and ${showsMenuOnce ? "its environment cannot be written" : "grub.cfg has nothing that shows it once"}.`;
}
