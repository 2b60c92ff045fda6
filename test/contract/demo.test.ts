/** The demo's story: it judges the run that it made and never an older one. */
import { expect, test } from "vitest";
import type { ExitCode } from "../../harness/base/exit-code.ts";
import type { main } from "../../harness/cli/cli.ts";
import { playDemo } from "../../harness/setup/demo-story.ts";

/** The command line, with a run that makes the directory named, or none. */
function fakeMain(runExit: ExitCode, directory: string | null) {
  const calls: string[][] = [];
  const fake: typeof main = async ([, , ...words], onRun) => {
    calls.push(words);
    if (words[0] === "verdict") return 1;
    if (directory !== null) onRun?.(directory);
    return runExit;
  };
  return { calls, fake };
}

test("a run that never began is not judged, and neither is an older one", async () => {
  const { calls, fake } = fakeMain(3, null);
  expect(await playDemo([], () => undefined, fake)).toBe(3);
  expect(calls.map(([word]) => word)).toEqual(["run"]);
});

test("ends with the verdict on the run that was made, and its page", async () => {
  const { calls, fake } = fakeMain(0, `${process.cwd()}/runs/2026`);
  const said: string[] = [];
  expect(await playDemo(["--jobs", "1"], (line) => said.push(line), fake)).toBe(1);
  expect(calls[0]?.slice(-2)).toEqual(["--jobs", "1"]);
  expect(calls[1]).toEqual(["verdict", "runs/2026", "--policy", "fixtures/reference-gate.yaml"]);
  expect(said.at(-1)).toBe("A page to look at: runs/2026/report.html");
});
