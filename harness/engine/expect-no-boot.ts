/** A boot that has to be refused: what a system promises that checks itself before it starts. */
import { BootFailed, ExpectationFailed } from "../base/errors.ts";
import type { Guest } from "../guest/guest.ts";

/**
 * Reboots a guest of which a story has changed something that must keep it from booting. Nothing can be asked of the guest afterwards,
 * so it is the last thing that a story does with it. Returns the boot's failure; `what` ends the sentence "It booted although …". Throws
 * ExpectationFailed where it boots all the same, and whatever else keeps it from telling.
 */
export async function expectBootRefused(guest: Guest, what: string): Promise<BootFailed> {
  try {
    await guest.reboot();
  } catch (error) {
    if (error instanceof BootFailed) return error;
    throw error;
  }
  throw new ExpectationFailed(`Guest '${guest.name}' booted although ${what}.`, {
    lookAt: guest.lookAt,
  });
}
