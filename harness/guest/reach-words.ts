/** The words for a guest that did not answer in time, and whose fault that is. */
import { BootFailed, type BootgateError, CannotTell } from "../base/errors.ts";
import { formatDuration } from "../base/units.ts";
import { awaitedBy } from "../machine/console/awaited.ts";
import { type Console, timeProves } from "../machine/console/console.ts";
import { excerptEnd } from "./excerpt.ts";
import type { ReachOptions } from "./reach-options.ts";

/** What the console showed last, for messages. */
export function consoleTail(console: Console): string {
  const lines = console.tail(5);
  return lines.length === 0 ? "it has not said a word" : excerptEnd(lines.join("\n"), 600);
}

/** What the console says that the boot still waits for, for messages; undefined where it says nothing of the kind. */
export const stillAwaited = (console: Console): string | undefined =>
  awaitedBy(console.tail(12)) ?? undefined;

/** Why a limit that ran out proves nothing about an emulated guest. */
export const emulatedWord = "emulated, so slowness proves nothing";

/**
 * The error for a guest that did not answer in time. One whose kernel spoke and whose user space did not answer failed,
 * unless its processor is emulated; one of which only the firmware was heard may have booted with a quiet console.
 */
export function tooLate(
  {
    machine,
    name,
    timeoutMs,
    timeScale,
  }: Pick<ReachOptions, "machine" | "name" | "timeoutMs" | "timeScale">,
  details: Readonly<Record<string, string>>,
): BootgateError {
  const { stage, path: lookAt } = machine.console;
  const within = formatDuration(timeoutMs);
  if (timeProves(stage)) {
    const awaited = stillAwaited(machine.console);
    const late = `Guest '${name}' did not answer on SSH within ${within}`;
    const headline =
      awaited === undefined
        ? `${late}.`
        : {
            text: `${late}: it still waits for ${awaited}.`,
            ownWords: `${late}: it still waits for ….`,
          };
    return timeScale > 1
      ? new CannotTell(headline, { details: { ...details, processor: emulatedWord }, lookAt })
      : new BootFailed(headline, { stage, details, lookAt });
  }
  return new CannotTell(
    `Guest '${name}' did not answer within ${within}, and its console has not said a word of the system: it may have booted, and nothing can be asked of it.`,
    {
      details: {
        ...details,
        "how to":
          "give it a console (kernel argument console=ttyS0) or a way in (sshd enabled; systemd 256 or later starts it and the root channel by credentials)",
      },
      lookAt,
    },
  );
}
