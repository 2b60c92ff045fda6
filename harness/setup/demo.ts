/** `npm run demo`: set-up, then the gate on the reference OS, v1 as users have it and v2 as the candidate. */

import { BootgateError } from "../base/errors.ts";
import { main } from "../cli.ts";
import { installMissing } from "./host-packages.ts";

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
  process.exitCode = await main([
    process.argv[0] ?? "node",
    "bootgate",
    ...words,
    ...process.argv.slice(2),
  ]);
} catch (error) {
  if (!(error instanceof BootgateError)) throw error;
  console.error(error.message);
  process.exitCode = error.blame === "caller" ? 2 : 3;
}
