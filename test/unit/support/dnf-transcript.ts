/** What the real dnf5 printed, as a command that has ended. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../../harness/base/package-root.ts";
import type { CommandResult } from "../../../harness/guest/command.ts";

const folder = join(packageRoot, "fixtures/transcripts/dnf5-5.4.6");
const shape =
  /^\$ (?<command>[^\n]+)\nexit code: (?<code>\d+)\n--- stdout\n(?<stdout>.*?)--- stderr\n(?<stderr>.*)$/s;

/** Reads a recording by its name without number and ending. */
export function transcript(name: string): CommandResult {
  const file = readdirSync(folder).find((one) => one.replace(/^\d+-/, "") === `${name}.txt`) ?? "";
  const { command, code, stdout, stderr } =
    shape.exec(readFileSync(join(folder, file), "utf8"))?.groups ?? {};
  if (command === undefined || stdout === undefined || stderr === undefined)
    throw new Error(`'${file}' is not a transcript.`);
  return { command, stdout, stderr, exitCode: Number(code), durationMs: 0, truncated: false };
}
