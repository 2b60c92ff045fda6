/** The gate on real machines: green on the good reference OS, and trustworthy on the broken ones. */
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { bootgate, eventsOf } from "./command-line.ts";

let out = "";
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "bootgate-vm-"));
});
afterAll(() => rm(out, { recursive: true, force: true }));

describe("suite gate on the reference OS", () => {
  test("passes, and its reports say what was booted", async () => {
    const gate = [
      "run",
      "--suite",
      "gate",
      "--previous",
      "reference:v1",
      "--candidate",
      "reference:v2",
      "--out",
      out,
    ];
    const { code, output } = await bootgate(gate);
    expect(code, output.slice(-3000)).toBe(0);

    const run = join(out, "latest");
    const jobs = eventsOf(run).filter((event) => event.type === "job-ended");
    expect(jobs.length).toBeGreaterThanOrEqual(8);
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
  });
});

describe("selftest", () => {
  test("every broken image is caught by the scenario meant for it, for the right reason", async () => {
    const { code, output } = await bootgate(["selftest", "--out", out]);
    expect(code, output.slice(-3000)).toBe(0);
    expect(output).toMatch(/(\d+) of \1 cases were judged as they must be/);
  });
});
