/** Run directories that somebody put together or changed by hand: a verdict on them must say so and never promote. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { known } from "../../harness/cli/commands/known-command.ts";
import { verdict } from "../../harness/cli/commands/verdict-command.ts";
import {
  decisionIn,
  policyFile,
  printed,
  refused,
  runDirectory,
  timedRun,
  useGate,
} from "./gate-bench.ts";

useGate();

const failed = () => runDirectory("failed", { fates: { "boot/health": "failed" } });
const copyDecision = async (from: string, to: string): Promise<void> =>
  writeFile(join(to, "decision.json"), await readFile(join(from, "decision.json")));

describe("a decision that lies in a run directory", () => {
  test("is not got rid of by giving the run another name", async () => {
    const run = await failed();
    const policy = await policyFile();
    expect(await verdict([run], { policy })).toBe(1);
    const path = join(run, "events.jsonl");
    const text = await readFile(path, "utf8");
    const passed = text.replaceAll('"kind":"failed"', '"kind":"passed"');
    await writeFile(path, passed.replace('"run":"failed"', '"run":"another"'));
    const words = await refused([run], { policy });
    expect(words).toMatch(/decision.json' is about other events.*run 'another' is not in the/s);
    expect(words).toMatch(/put the log back that was judged; or, if the decision does not belong/);
    expect((await decisionIn(run)).verdict).toBe("HOLD");
  });

  test("of another run is refused, by verdict and by known", async () => {
    const policy = await policyFile();
    const [run, other] = [await runDirectory("one"), await runDirectory("other")];
    await verdict([run], { policy });
    await copyDecision(run, other);
    expect(await refused([other], { policy })).toMatch(/run 'other' is not in the decision/);
    await expect(known([other], {})).rejects.toThrow(/run 'other' is not in the decision/);
  });

  test("lies in that of each run that it is about, with their reports made again", async () => {
    const policy = await policyFile();
    const runs = [
      await runDirectory("one"),
      await runDirectory("two", { fates: { "boot/health": "failed" }, startedAt: 7200 }),
    ];
    expect(await verdict(runs, { policy })).toBe(1);
    for (const run of runs) {
      expect((await decisionIn(run)).runs.map((judged) => judged.run)).toEqual(["one", "two"]);
      expect(await readdir(run)).toContain("greenwave.json");
      expect(await readFile(join(run, "report.html"), "utf8")).toMatch(/<title>HOLD/);
      expect(printed).toContain(join(run, "decision.json"));
    }
    // Each can be judged alone and together again.
    expect(await verdict([runs[0] ?? ""], { policy })).toBe(0);
    expect(await verdict(runs, { policy })).toBe(1);
  });
});

describe("the last promoted run", () => {
  const ratio = () => policyFile("budgets: {boot: {ratio: 1.2}}\n");

  test("is one that was judged", async () => {
    const previous = await timedRun("before", 300);
    const run = await timedRun("now", 30);
    const policy = await ratio();
    const words = await refused([run], { policy, previous });
    expect(words).toMatch(/before' was never judged, so it is not the last promoted run/);
    expect(words).toMatch(/look at .* verdict .*before$/);
  });

  test("is not one beside which another run's PROMOTE was put", async () => {
    const policy = await ratio();
    const slow = await timedRun("slow", 300);
    const promoted = await timedRun("promoted", 30);
    await verdict([promoted], { policy });
    await copyDecision(promoted, slow);
    const run = await timedRun("now", 60);
    expect(await refused([run], { policy, previous: slow })).toMatch(
      /run 'slow' is not in the decision/,
    );
    expect(await verdict([run], { policy, previous: promoted })).toBe(1);
  });

  test("is compared with on the page, too", async () => {
    const policy = await ratio();
    const previous = await timedRun("before", 30);
    await verdict([previous], { policy });
    const run = await timedRun("now", 33);
    expect(await verdict([run], { policy, previous })).toBe(0);
    expect(await readFile(join(run, "report.html"), "utf8")).toContain("Since run before");
  });
});

test("a run by another version of the harness is judged with a note", async () => {
  const policy = await policyFile();
  const head = { harness: "0.0.9\n::error::x" };
  const run = await runDirectory("old", { fates: { "boot/health": "passed" }, head });
  expect(await verdict([run], { policy })).toBe(0);
  const said = /made by bootgate 0\.0\.9 \S+ and are judged by \d/;
  expect((await decisionIn(run)).notes.join("\n")).toMatch(said);
  expect(printed).toMatch(said);
  const same = await runDirectory("same");
  await verdict([same], { policy });
  expect((await decisionIn(same)).notes).toEqual([]);
});
