/** Whether a guest failed since something of the harness died under it: that is told a moment after its connections break. */
import { outcomeOf } from "./errors.ts";

/** How long the end of a process may take to be noticed. Milliseconds. */
const noticeMs = 500;

/**
 * The error to blame: what one of the promises rejects with, or the error itself where none does within a moment. An error that is
 * not held against an image is given back at once. Never rejects.
 */
export async function unlessDied(
  caught: unknown,
  deaths: readonly Promise<never>[],
): Promise<unknown> {
  if (deaths.length === 0 || outcomeOf(caught).kind !== "failed") return caught;
  let timer: NodeJS.Timeout | undefined;
  const moment = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, noticeMs, null);
  });
  const fault = await Promise.race([...deaths, moment]).catch((reason: unknown) => reason);
  clearTimeout(timer);
  return fault ?? caught;
}
