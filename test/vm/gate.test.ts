/**
 * The gate on real machines: green on the good reference OS, and trustworthy on the broken ones. The candidate comes from a
 * registry behind TLS and a password, as a pull request's image does; all runs share its disk and its template.
 */
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { parseDecision } from "../../harness/gate/verdict/decision.ts";
import { bootgate as run } from "../contract/support/command.ts";
import {
  type GuardedRegistry,
  secret,
  startGuardedRegistry,
} from "../contract/support/guarded-registry.ts";
import { bootgate, eventsOf } from "./command-line.ts";

let out = "";
let registry: GuardedRegistry;
let candidate = "";
/** The same image as a folder, and nothing else. */
let layout = "";
let access: readonly string[] = [];
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "bootgate-vm-"));
  const folder = await mkdtemp(join(tmpdir(), "bootgate-registry-"));
  registry = await startGuardedRegistry(folder, 44_443);
  const inspected = await run(["images", "inspect", "reference:v2", "--json"]);
  expect(inspected.code, inspected.stderr).toBe(0);
  const { oci } = JSON.parse(inspected.stdout) as { oci: { layout: string; tag: string } };
  layout = `oci:${oci.layout}:${oci.tag}`;
  await registry.push(layout, "os:pr-1");
  candidate = `docker://${registry.host}/os:pr-1`;
  access = ["--authfile", registry.authFile, "--cert-dir", registry.certDir];
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(out, { recursive: true, force: true });
  await rm(join(registry.certDir, ".."), { recursive: true, force: true });
});

/** Of a run: each file of it, and what it printed. */
async function expectNoSecret(directory: string, output: string): Promise<void> {
  expect(output).not.toMatch(secret);
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  expect(files.length).toBeGreaterThan(5);
  for (const { parentPath, name } of files) {
    const path = join(parentPath, name);
    expect(secret.test(readFileSync(path, "latin1")), path).toBe(false);
  }
}

describe("suite gate on the reference OS", () => {
  test("passes, and its reports say what was booted", async () => {
    const gate = ["run", "--suite", "gate", "--previous", "reference:v1"];
    const words = ["--candidate", candidate, ...access, "--out", out];
    const { code, output } = await bootgate([...gate, ...words]);
    expect(code, output.slice(-3000)).toBe(0);

    const run = join(out, "latest");
    const jobs = eventsOf(run).filter((event) => event.type === "job-ended");
    expect(jobs.length).toBeGreaterThanOrEqual(7);
    expect(jobs.filter(({ outcome }) => outcome.kind !== "passed")).toEqual([]);
    // Green on the first attempt: a cold second attempt would mean that forks are not to be trusted.
    expect(jobs.filter(({ attempt }) => attempt > 1)).toEqual([]);
    const deviations = new Set(
      eventsOf(run).flatMap((event) => (event.type === "deviation" ? [event.id] : [])),
    );
    expect([...deviations]).toEqual(
      expect.arrayContaining(["stand-in:bootc", "ssh-key", "network-closed"]),
    );

    // An upgrade pulls what the guest lacks and no more: the layers that v1 and v2 share stay where they are.
    const pulled = eventsOf(run).flatMap((event) =>
      event.type === "measure" && event.name === "pulled.bytes" ? [event.value] : [],
    );
    expect(Math.max(...pulled)).toBeGreaterThan(0);
    expect(Math.max(...pulled)).toBeLessThan(20_000_000);

    const schema = join(import.meta.dirname, "..", "schema", "junit.xsd");
    const { exitCode, stderr } = await attemptCommand("xmllint", [
      "--noout",
      "--schema",
      schema,
      join(run, "junit.xml"),
    ]);
    expect(exitCode, stderr).toBe(0);
    expect(readFileSync(join(run, "summary.txt"), "utf8")).toMatch(/passed/);
    await expectNoSecret(run, output);
  });
});

/** As a CI's parallel jobs do it: each shard boots its part, then one verdict is made of all. Of one image, from which the others are made. */
describe("a run that is shared out", () => {
  const scenarios = ["boot/health", "composefs/root", "bootc/switch"];
  test("two shards on real machines are merged into one run, whose verdict is PROMOTE", async () => {
    const policy = join(out, "gate.yaml");
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
      const shard = join(out, `shard-${index}`);
      const words = ["--candidate", layout, "--shard", `${index}/2`];
      const { code, output } = await bootgate([
        ...["run", ...scenarios, ...words, "--policy", policy, "--out", shard],
      ]);
      expect(code, output.slice(-3000)).toBe(0);
      directories.push(join(shard, "latest"));
    }
    const [first = "", second = ""] = directories;
    const jobsOf = (directory: string): string[] =>
      eventsOf(directory).flatMap((event) => (event.type === "job-ended" ? [event.job] : []));
    expect(jobsOf(first).length).toBeGreaterThan(0);
    expect(jobsOf(second).length).toBeGreaterThan(0);
    expect([...jobsOf(first), ...jobsOf(second)].map((job) => job.split("@")[0]).sort()).toEqual(
      [...scenarios].sort(),
    );

    const deviations = directories.flatMap((directory) =>
      eventsOf(directory).flatMap((event) => (event.type === "deviation" ? [event.id] : [])),
    );
    expect(deviations).toContain("derived-image");

    const merge = join(out, "merged");
    const alone = await bootgate(["merge", first, "--out", merge]);
    const missing = expect.stringMatching(/shard 2 of 2 is missing/);
    expect([alone.code, alone.output]).toEqual([2, missing]);

    const merged = await bootgate(["merge", second, first, "--out", merge]);
    expect(merged.code, merged.output).toBe(0);
    const [run = ""] = (await readdir(merge)).filter((name) => name !== "latest");
    const { code, output } = await bootgate(["verdict", join(merge, run), "--policy", policy]);
    expect(code, output).toBe(0);
    expect(output).toContain(`PROMOTE ${layout} sha256:`);
    const path = join(merge, run, "decision.json");
    const decision = parseDecision(readFileSync(path, "utf8"), path);
    expect(decision.candidates.map(({ name }) => name)).toEqual([layout]);
  });
});

describe("selftest", () => {
  test("every broken image is caught by the scenario meant for it, for the right reason", async () => {
    const { code, output } = await bootgate(["selftest", "--out", out]);
    expect(code, output.slice(-3000)).toBe(0);
    expect(output).toMatch(/(\d+) of \1 cases were judged as they must be/);
  });
});
