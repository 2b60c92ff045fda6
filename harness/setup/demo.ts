/** `npm run demo`: set-up, then the gate on the reference OS. */
import { BootgateError } from "../base/errors.ts";
import { warnOfBuild } from "./build-rights.ts";
import { playDemo } from "./demo-story.ts";
import { installMissing } from "./host-packages.ts";

const say = (line: string): void => console.log(line);

try {
  await installMissing(["run", "build"], say, new AbortController().signal);
  await warnOfBuild(say);
  process.exitCode = await playDemo(process.argv.slice(2), say);
} catch (error) {
  if (!(error instanceof BootgateError)) throw error;
  console.error(error.message);
  process.exitCode = error.blame === "caller" ? 2 : 3;
}
