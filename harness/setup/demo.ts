/** `npm run demo`: set-up, then the gate on the reference OS, v1 as users have it and v2 as the candidate. */

import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { BootgateError } from "../base/errors.ts";
import { type ExitCode, main } from "../cli.ts";
import { installMissing } from "./host-packages.ts";

/** Allows the stand-ins of the reference OS, which no policy for a real image would. */
const policy = "fixtures/reference-gate.yaml";

const say = (line: string): void => console.log(line);

try {
  await installMissing(["run", "build"], say, new AbortController().signal);
  const words = [
    "run",
    "--suite",
    "gate",
    "--previous",
    "reference:v1",
    "--candidate",
    "reference:v2",
  ];
  const bootgate = (args: readonly string[]): Promise<ExitCode> =>
    main([process.execPath, "bootgate", ...args]);
  const ran = await bootgate([...words, ...process.argv.slice(2)]);
  if (ran === 2) process.exitCode = ran;
  else {
    say("");
    process.exitCode = await bootgate(["verdict", "runs/latest", "--policy", policy]);
    say(`A page to look at: ${join(await realpath("runs/latest"), "report.html")}`);
  }
} catch (error) {
  if (!(error instanceof BootgateError)) throw error;
  console.error(error.message);
  process.exitCode = error.blame === "caller" ? 2 : 3;
}
