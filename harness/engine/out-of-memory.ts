/**
 * A guest that ran out of memory. How much it has is chosen for the run, so what fails after the kernel has killed a
 * process is not the image's fault for all that can be told: with more it may have worked.
 */
import {
  BootFailed,
  BootgateError,
  CannotTell,
  ExpectationFailed,
  outcomeOf,
} from "../base/errors.ts";
import type { Console } from "../machine/console/console.ts";
import { wholeTail } from "../machine/console/console-tail.ts";
import { journalFault, outOfMemory } from "../machine/console/journal-fault.ts";

export const memoryAdvice = "give it more by --memory, and run it again";

/** As the kernel says it on a console: mm/oom_kill.c, __oom_kill_process. */
const killed =
  /^\[ {0,8}\d{1,8}\.\d{1,9}\](?:\[ {0,6}[TC]\d{1,8}\])? Out of memory: Killed process /;

/** Ends of a boot that a killed process may have led to. */
const ledTo = /^(?:kernel-panic|emergency-shell|emergency-target|ordering-cycle|greenboot-red)$/;
/** What is expected of processes: units that failed, the state of the system, a guest that stays up. */
const ofProcesses = /unit|state of the system|rebooted by itself|went down/;

/** What ended a boot: its last words stand before those of the boot that followed. */
const ofRestart = /rebooted by itself|went down/;

/** Rows of the consoles, newest last, with and without those of earlier boots. */
export interface Rows {
  readonly all: readonly string[];
  readonly said: readonly string[];
}

/** What these consoles show now. */
export const rowsOf = (consoles: readonly Pick<Console, "tail" | "said">[]): Rows => ({
  all: consoles.flatMap((console) => console.tail(wholeTail)),
  said: consoles.flatMap((console) => console.said(wholeTail)),
});

/** Whether a row of a console, or a line of a journal, says that the kernel killed a process for want of memory. */
const isKill = (row: string): boolean => killed.test(row) || journalFault(row) === outOfMemory;

/** The error to blame: CannotTell in the place of an image's failure that came to a guest whose console shows a kill. */
export function unlessOutOfMemory(error: unknown, { all, said }: Rows): unknown {
  if (!(error instanceof BootgateError) || outcomeOf(error).kind !== "failed") return error;
  // A line that ended the boot is proof by itself, unless the lack of memory may be what led to it.
  if (error instanceof BootFailed && error.pattern !== null && !ledTo.test(error.pattern))
    return error;
  // What a story expected of digests, files or words is not what a killed process takes away.
  if (error instanceof ExpectationFailed && !ofProcesses.test(error.ownWords)) return error;
  // What an earlier boot lacked says nothing of this one.
  const row = (ofRestart.test(error.ownWords) ? all : said).findLast(isKill);
  if (row === undefined) return error;
  const more = "The guest had run out of memory, and how much it has was chosen for this run.";
  const headline = {
    text: `${error.headline} ${more}`,
    ownWords: `${error.ownWords} ${more}`,
  };
  return new CannotTell(headline, {
    cause: error,
    details: { ...error.details, console: row.slice(0, 300), "to do": memoryAdvice },
    lookAt: error.lookAt,
  });
}
