/** What a story does to a guest before it can look at something: never the image's fault, whatever becomes of it. */
import { CannotTell, GuestTooSlow } from "../base/errors.ts";
import { quoteArgument } from "../base/quote.ts";
import { type CommandLimits, pullLimits } from "../guest/command.ts";
import { excerptEnd } from "../guest/excerpt.ts";
import type { Guest } from "../guest/guest.ts";

/** Runs a command line that only prepares a guest. `what` ends the sentence "could not be …". Throws CannotTell where it fails. */
export async function prepareGuest(
  guest: Guest,
  what: string,
  command: string,
  limits?: CommandLimits & { readonly input?: string },
): Promise<string> {
  const { exitCode, stdout, stderr } = await guest.exec(command, limits).catch(unlessSlow);
  if (exitCode === 0) return stdout;
  throw new CannotTell(`Guest '${guest.name}' could not be ${what}.`, {
    details: {
      "exit code": String(exitCode),
      stderr: excerptEnd(stderr, 1000) || undefined,
      "whose doing": "the story's own preparation, so it says nothing of the image",
    },
    lookAt: guest.lookAt,
  });
}

/** Brings an image into a guest by a command of these words, which gets the time of a pull. Throws as `prepareGuest`. */
export const bringImage = (guest: Guest, ...words: readonly string[]): Promise<string> =>
  prepareGuest(guest, "given the image", words.map(quoteArgument).join(" "), pullLimits(guest));

function unlessSlow(error: unknown): never {
  if (!(error instanceof GuestTooSlow)) throw error;
  throw new CannotTell(error.headline, {
    cause: error,
    details: error.details,
    lookAt: error.lookAt,
  });
}
