/** A boot that has to be refused: what a system promises that checks itself before it starts. */
import { open, stat } from "node:fs/promises";
import { BootFailed, CannotTell, ExpectationFailed } from "../base/errors.ts";
import { escapeCodes } from "../base/escape-codes.ts";
import { readEnd } from "../base/read-end.ts";
import type { Guest } from "../guest/guest.ts";

/** Of what a boot says on the console, its end. */
const maxBytes = 1024 * 1024;

/** Who makes the root of an image: ostree (`ostree-prepare-root.c`), bootc (`bootc-root-setup.service`), and the kernel's fs-verity below them. */
const who = /ostree-prepare-root|OSTree Prepare OS|bootc-root-setup|bootc setup root|fs-?verity/i;
const refuses = /fail|error|mismatch|corrupt|invalid|dependency/i;

/** The line by which what makes the root refuses it; null where the console does not have one. */
export const refusalIn = (text: string): string | null =>
  text
    // Colours stand between the words.
    .replace(escapeCodes, "")
    .split(/[\r\n]+/)
    .map((line) => line.slice(0, 1000))
    .find((line) => who.test(line) && refuses.test(line))
    ?.trim() ?? null;

/**
 * Reboots a guest of which a story has changed something that must keep it from booting. Nothing can be asked of the guest afterwards,
 * so it is the last thing that a story does with it. Returns the line of the console that refuses; `what` ends the sentence "It booted although …". Throws
 * ExpectationFailed where it boots all the same, CannotTell where it does not boot and nothing says that this is why, and whatever else keeps it from telling.
 */
export async function expectBootRefused(guest: Guest, what: string): Promise<string> {
  const from = (await stat(guest.lookAt)).size;
  try {
    await guest.reboot();
  } catch (error) {
    if (!(error instanceof BootFailed)) throw error;
    const refusal = refusalIn(await endOf(guest.lookAt, from));
    if (refusal !== null) return refusal;
    throw new CannotTell(
      `Guest '${guest.name}' did not boot, and its console does not say that it was because ${what}.`,
      { cause: error, lookAt: guest.lookAt },
    );
  }
  throw new ExpectationFailed(`Guest '${guest.name}' booted although ${what}.`, {
    lookAt: guest.lookAt,
  });
}

/** What a file has from a byte on, as far as its last part goes. */
async function endOf(path: string, from: number): Promise<string> {
  await using file = await open(path, "r");
  return (await readEnd(file, { maxBytes, from })).bytes.toString("utf8");
}
