/** What a story does to a guest before it can look at something: never the image's fault, whatever becomes of it. */
import { CannotTell } from "../base/errors.ts";
import { excerptEnd } from "../guest/excerpt.ts";
import type { Guest } from "../guest/guest.ts";

/** Runs a command line that only prepares a guest. `what` ends the sentence "could not be …". Throws CannotTell where it fails. */
export async function prepareGuest(guest: Guest, what: string, command: string): Promise<string> {
  const { exitCode, stdout, stderr } = await guest.exec(command);
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
