/** What `npm run demo` plays: the gate on the reference OS, v1 as users have it and v2 as the candidate, then the verdict. */
import { join, relative } from "node:path";
import type { ExitCode } from "../base/exit-code.ts";
import { main } from "../cli/cli.ts";

/** Allows the stand-ins of the reference OS, which no policy for a real image would. */
const policy = "fixtures/reference-gate.yaml";

const roles = ["--previous", "reference:v1", "--candidate", "reference:v2"];

/** Plays it with further options of `run`, and judges the run that it made, never an older one. Returns the exit code. */
export async function playDemo(
  options: readonly string[],
  say: (line: string) => void,
  bootgate: typeof main = main,
): Promise<ExitCode> {
  const made: string[] = [];
  const command = (...words: readonly string[]) => [process.execPath, "bootgate", ...words];
  const ran = await bootgate(command("run", "--suite", "gate", ...roles, ...options), (directory) =>
    made.push(relative("", directory)),
  );
  const [directory] = made;
  if (directory === undefined) return ran;
  say("");
  const judged = await bootgate(command("verdict", directory, "--policy", policy));
  say(`A page to look at: ${join(directory, "report.html")}`);
  return judged;
}
