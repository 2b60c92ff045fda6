/** How the process ends when something other than a command decides it: a reader that goes away, a fault that nobody caught. */

import { firstError, reportError } from "../../base/errors.ts";
import { fullFolderOf, isFullDisk, noSpaceIn } from "../../base/no-space.ts";
import { maskSecrets } from "../../base/secrets.ts";
import { cleanText, defuseCommands } from "../../log/clean-text.ts";

/** A reader that went away (`| head`, a closed terminal) ends the telling; the work, its reports and its exit code go on. */
export function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
    });
  }
}

/**
 * What nobody caught is a fault of ours, and Node's own exit code for it is the one that blames the image. The process
 * ends at once with another: its machines end with it, and the log on disk is true up to here.
 */
export function answerForFaults(): void {
  if (process.listeners("uncaughtException").includes(endByFault)) return;
  process.on("uncaughtException", endByFault);
  process.on("unhandledRejection", endByFault);
}

function endByFault(thrown: unknown): never {
  try {
    tellFault(thrown);
  } finally {
    process.exit(3);
  }
}

/** To stderr. A message may quote a log, a file or a guest, and a CI that reads it must not obey what they say. */
export function tell(message: string): void {
  process.stderr.write(`${defuseCommands(cleanText(maskSecrets(message), 32_768))}\n`);
}

/** One sentence, and the stack for the person who repairs it. A disk that is full is nobody's bug. */
export function tellFault(thrown: unknown): void {
  const { message } = reportError(thrown);
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  const headline = "A disk of this host is full.";
  const first = firstError(thrown);
  tell(
    isFullDisk(first)
      ? noSpaceIn(fullFolderOf(first), headline, { reason: message }).message
      : `This is a fault of bootgate itself: ${message}\n${stack ?? ""}`,
  );
}
