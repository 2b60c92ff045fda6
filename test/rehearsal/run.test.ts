/** Whole runs on the simulated guest: deadline, interruption, retries, shards; always with valid reports and a true exit code. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ExpectationFailed, RunStopped } from "../../harness/base/errors.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import { type ExecutedRun, type ExecuteOptions, executeRun } from "../../harness/cli/execute.ts";
import { exitCodeOf } from "../../harness/cli/run-command.ts";
import { ensureSshKey } from "../../harness/guest/ssh-key.ts";
import { scenario } from "../../harness/index.ts";
import type { MachineDriver } from "../../harness/machine/machine.ts";
import { createSimulatedDriver } from "../../harness/machine/simulated/driver.ts";
import { SimulatedWorld } from "../../harness/machine/simulated/world.ts";
import { planJobs } from "../../harness/plan.ts";
import type { LoadedScenario } from "../../harness/scenario.ts";
import { measureHost } from "../../harness/schedule.ts";
import { readEvents } from "../../reports/read-events.ts";
import { foldRunFrom } from "../../reports/run-model.ts";
import { simulatedImage } from "./rehearse.ts";

let out = "";
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "bootgate-run-"));
});
afterEach(() => rm(out, { recursive: true, force: true }));

const story = (id: string, run: (attempt: number) => Promise<void>): LoadedScenario => {
  let attempts = 0;
  const definition = scenario({
    summary: id,
    needs: { images: ["candidate"] },
    timeoutMinutes: 1,
    async run({ step }) {
      attempts++;
      await step("does what it says", () => run(attempts));
    },
  });
  return { id, definition };
};
const passes = (id: string): LoadedScenario => story(id, async () => undefined);
const never = (): Promise<never> => new Promise(() => undefined);

async function play(
  scenarios: readonly LoadedScenario[],
  options: Partial<ExecuteOptions> = {},
): Promise<ExecutedRun> {
  const world = new SimulatedWorld();
  const driver = createSimulatedDriver({ world });
  const jobs = planJobs({
    scenarios,
    images: { candidate: simulatedImage("v2", "2") },
    machines: [{ driver: "simulated", architecture: "x86_64", firmware: "uefi", refusal: null }],
    repeatOptions: [],
  });
  const stopper = new AbortController();
  return executeRun({
    jobs,
    shard: null,
    policy: null,
    expectedMs: () => null,
    knownFailure: () => null,
    driver,
    accelerator: "none",
    emulatorVersion: null,
    shelves: { open: async () => world.openShelf() },
    key: await ensureSshKey(out),
    outDirectory: join(out, "runs"),
    command: [],
    parallel: 1,
    cold: true,
    recheckCold: true,
    retries: 0,
    deadlineMs: null,
    memoryMiB: 512,
    network: "closed",
    hold: null,
    signal: stopper.signal,
    stop: (reason) => stopper.abort(reason),
    onEvent: () => undefined,
    ...options,
  });
}

/** The simulated driver, at the price of a real machine. */
function costly(memoryMiB: number): MachineDriver {
  const driver = createSimulatedDriver({ world: new SimulatedWorld() });
  return { ...driver, cost: () => ({ memoryMiB, cpus: 1, diskMiB: 1, locks: [] }) };
}

/** What must hold after any run: JUnit fits its schema, and the model can be made again from the log alone. */
async function expectSound({ directory, model }: ExecutedRun): Promise<void> {
  const schema = join(import.meta.dirname, "..", "schema", "junit.xsd");
  const checked = await attemptCommand("xmllint", [
    "--noout",
    "--schema",
    schema,
    join(directory, "junit.xml"),
  ]);
  expect(checked.exitCode, checked.stderr).toBe(0);
  const { signal } = new AbortController();
  expect(await foldRunFrom(readEvents(join(directory, "events.jsonl"), { signal }))).toEqual(model);
}

describe("a run", () => {
  test("that passes is green, and `latest` names it", async () => {
    const run = await play([passes("a/one"), passes("a/two")]);
    expect(run.model.counts).toMatchObject({ passed: 2, failed: 0, broken: 0, notRun: 0 });
    expect(exitCodeOf(run.model)).toBe(0);
    expect(await readFile(join(out, "runs", "latest", "events.jsonl"), "utf8")).toContain("a/two");
    await expectSound(run);
  });

  test("in which nothing ran is not green", async () => {
    const run = await play([]);
    expect(exitCodeOf(run.model)).toBe(3);
  });

  test("with a bug of the harness is broken, not failed", async () => {
    const run = await play([
      story("a/bug", async () => Promise.reject(new TypeError("x is undefined"))),
    ]);
    expect(run.model.counts).toMatchObject({ broken: 1, failed: 0 });
    expect(exitCodeOf(run.model)).toBe(3);
    await expectSound(run);
  });
});

describe("retries", () => {
  test("keep the first outcome, and a pass on retry is flaky, not green", async () => {
    const flaky = story("a/flaky", async (attempt) => {
      if (attempt === 1) throw new ExpectationFailed("not this time");
    });
    const run = await play([flaky], { retries: 2 });
    expect(run.model.counts).toMatchObject({ flaky: 1, passed: 0, failed: 0 });
    expect(run.model.jobs[0]?.outcome.kind).toBe("failed");
    expect(run.model.jobs[0]?.attempts.length).toBe(2);
    expect(await readFile(join(run.directory, "junit.xml"), "utf8")).toContain("<flakyFailure");
    await expectSound(run);
  });

  test("end after as many as were asked for", async () => {
    const bad = story("a/bad", async () => Promise.reject(new ExpectationFailed("never")));
    const run = await play([bad], { retries: 2 });
    expect(run.model.jobs[0]?.attempts.length).toBe(3);
    expect(exitCodeOf(run.model)).toBe(1);
    await expectSound(run);
  });
});

describe("a deadline", () => {
  test("ends what runs in time for evidence, leaves the rest as not run, and is never green", async () => {
    const run = await play([story("a/endless", never), passes("a/later")], { deadlineMs: 1200 });
    expect(run.model.stopped).toMatch(/deadline is near/);
    expect(run.model.counts).toMatchObject({ broken: 1, notRun: 1 });
    expect(exitCodeOf(run.model)).toBe(3);
    await expectSound(run);
  });

  test("keeps a job from starting that the history says would not end", async () => {
    const run = await play([passes("a/quick"), passes("a/slow")], {
      deadlineMs: 60_000,
      expectedMs: (job) => (job.startsWith("a/slow") ? 3_600_000 : 1),
    });
    expect(run.model.counts).toMatchObject({ passed: 1, notRun: 1 });
    expect(run.model.stopped).toMatch(/too near to start 1 more job/);
    expect(exitCodeOf(run.model)).toBe(3);
    await expectSound(run);
  });
});

describe("an interruption", () => {
  test("ends the run at once with its reason, and the rest is not run", async () => {
    const stopper = new AbortController();
    const endless = story("a/endless", async () => {
      setImmediate(() => stopper.abort(new RunStopped("The run was interrupted by SIGINT.")));
      await never();
    });
    const run = await play([endless, passes("a/later")], { signal: stopper.signal });
    expect(run.model.stopped).toBe("The run was interrupted by SIGINT.");
    expect(run.model.counts).toMatchObject({ broken: 1, notRun: 1 });
    await expectSound(run);
  });
});

describe("a job that waits for room when the run is stopped", () => {
  test("is not run, not broken", async () => {
    const stopper = new AbortController();
    const endless = story("a/endless", async () => {
      setTimeout(() => stopper.abort(new RunStopped("The run was interrupted by SIGINT.")), 50);
      await never();
    });
    // Both may start by number, but the guests of one take all the memory there is.
    const memoryMiB = await measureHost(out, 1).then((host) => Math.floor(host.memoryMiB * 0.7));
    const run = await play([endless, passes("a/waits")], {
      signal: stopper.signal,
      parallel: 2,
      memoryMiB,
      driver: costly(memoryMiB),
    });
    expect(run.model.counts).toMatchObject({ broken: 1, notRun: 1 });
    await expectSound(run);
  });
});

describe("a run directory of a shard", () => {
  test("says which part it is", async () => {
    const shard = { index: 1, count: 2, selection: "sha256:1" };
    const run = await play([passes("a/one")], { shard, policy: "sha256:2" });
    const [first] = (await readFile(join(run.directory, "events.jsonl"), "utf8")).split("\n");
    expect(JSON.parse(first ?? "{}")).toMatchObject({ shard, policy: "sha256:2" });
  });
});
