/** A board's line as a `Console`: each byte goes into the log file and to the watcher, and what is typed goes to the board. */
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import type { ConsoleLog } from "../../console/console-log.ts";
import { KeptLine, type KeptLineOptions } from "./kept-line.ts";

export interface BoardConsoleOptions extends Omit<KeptLineOptions, "onBytes" | "onNote"> {
  readonly console: Pick<ConsoleLog, "path" | "feed" | "attach">;
  /** Size at which the log ends, so that a board that prints without end does not fill the host's disk. */
  readonly maxBytes: number;
}

/** Opens the line and feeds the console from it until it is disposed. Throws what the line's opener throws. */
export async function feedConsole(
  { console, maxBytes, ...options }: BoardConsoleOptions,
  signal: AbortSignal,
): Promise<{ readonly line: KeptLine } & AsyncDisposable> {
  const file = createWriteStream(console.path, { flags: "a" });
  // A full disk is the run's to tell; the watcher goes on.
  file.on("error", () => undefined);
  let written = 0;
  const log = (bytes: Uint8Array): void => {
    written += bytes.length;
    file.write(bytes);
    if (written >= maxBytes)
      file.write("\n[bootgate: the console log ends here, it has reached its limit]\n");
  };
  const onBytes = (bytes: Uint8Array): void => {
    if (written >= maxBytes) return;
    log(bytes);
    console.feed(bytes);
  };
  // The watcher hears the board alone: a note is not a sign of life.
  const onNote = (note: string): void => {
    if (written < maxBytes) log(Buffer.from(note));
  };
  const close = async (): Promise<void> => {
    file.end();
    await finished(file).catch(() => undefined);
  };
  const line = await KeptLine.open({ ...options, onBytes, onNote }, signal).catch(
    async (error: unknown) => {
      await close();
      throw error;
    },
  );
  console.attach({ type: (text) => line.type(text) });
  return {
    line,
    async [Symbol.asyncDispose]() {
      await line[Symbol.asyncDispose]();
      await close();
    },
  };
}
