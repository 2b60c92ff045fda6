/** A run that is shared out, as a CI's parallel jobs do it: each shard boots its part, then one verdict is made of all. */
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseDecision } from "../../harness/gate/verdict/decision.ts";
import { bootgate, eventsOf } from "./command-line.ts";

const scenarios = ["boot/health", "composefs/root", "bootc/status"];
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-shards-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("two shards on real machines are merged into one run, whose verdict is PROMOTE", async () => {
  const policy = join(folder, "gate.yaml");
  await writeFile(
    policy,
    `version: 1
require: [{ scenarios: [${scenarios.join(", ")}] }]
minimumPassed: 3
deviations: { allow: ["*-*", credentials, tcg, fork, pvpanic, "stand-in:bootc"] }
`,
  );
  const directories: string[] = [];
  for (const index of [1, 2]) {
    const out = join(folder, `shard-${index}`);
    const words = ["--candidate", "reference:v2", "--shard", `${index}/2`, "--policy", policy];
    const { code, output } = await bootgate(["run", ...scenarios, ...words, "--out", out]);
    expect(code, output.slice(-3000)).toBe(0);
    directories.push(join(out, "latest"));
  }
  const [first = "", second = ""] = directories;
  const jobsOf = (directory: string): string[] =>
    eventsOf(directory).flatMap((event) => (event.type === "job-ended" ? [event.job] : []));
  expect(jobsOf(first).length).toBeGreaterThan(0);
  expect(jobsOf(second).length).toBeGreaterThan(0);
  expect([...jobsOf(first), ...jobsOf(second)].map((job) => job.split("@")[0]).sort()).toEqual(
    [...scenarios].sort(),
  );

  const out = join(folder, "merged");
  const alone = await bootgate(["merge", first, "--out", out]);
  expect([alone.code, alone.output]).toEqual([2, expect.stringMatching(/shard 2 of 2 is missing/)]);

  const merged = await bootgate(["merge", second, first, "--out", out]);
  expect(merged.code, merged.output).toBe(0);
  const [run = ""] = (await readdir(out)).filter((name) => name !== "latest");
  const { code, output } = await bootgate(["verdict", join(out, run), "--policy", policy]);
  expect(code, output).toBe(0);
  expect(output).toMatch(/^PROMOTE reference:v2 sha256:/);
  const path = join(out, run, "decision.json");
  const decision = parseDecision(readFileSync(path, "utf8"), path);
  expect(decision.candidates.map(({ name }) => name)).toEqual(["reference:v2"]);
});
