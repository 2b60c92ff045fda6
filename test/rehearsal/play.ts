/** Plays whole runs on the simulated guest, in a folder of their own, through everything but the command line. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { createReportWriter } from "../../harness/cli/wiring/report-files.ts";
import { type ExecutedRun, type ExecuteOptions, executeRun } from "../../harness/engine/execute.ts";
import { planJobs } from "../../harness/engine/plan.ts";
import type { LoadedScenario } from "../../harness/engine/scenario.ts";
import { ensureSshKey } from "../../harness/guest/ssh/ssh-key.ts";
import { scenario } from "../../harness/index.ts";
import { readEvents } from "../../harness/log/read-events.ts";
import { foldRunFrom } from "../../harness/log/run-model.ts";
import type { MachineDriver } from "../../harness/machine/machine.ts";
import type { Image } from "../../images/image.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { simulatedFixtures } from "../simulated/fixtures.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { simulatedImage, simulatedProfile } from "./rehearse.ts";

let out = "";

/** Gives each test of a file a folder and a cache of its own. To be called by every file: those of a worker share this module. */
export function useFolder(): void {
  beforeEach(async () => {
    out = await mkdtemp(join(tmpdir(), "bootgate-run-"));
    // Runs on one host share its memory, and those of other tests do not concern this one.
    vi.stubEnv("XDG_CACHE_HOME", join(out, "cache"));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(out, { recursive: true, force: true });
    out = "";
  });
}

/** The folder of this test. Throws TypeError where its file did not ask for one. */
export function folder(): string {
  if (out === "") throw new TypeError("Call useFolder() in the test file.");
  return out;
}

export const story = (id: string, run: (attempt: number) => Promise<void>): LoadedScenario => {
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
export const passes = (id: string): LoadedScenario => story(id, async () => undefined);
export const never = (): Promise<never> => new Promise(() => undefined);

export interface PlayOptions extends Partial<ExecuteOptions> {
  readonly driver?: MachineDriver;
  readonly memoryMiB?: number;
  readonly candidate?: Image;
}

export async function play(
  scenarios: readonly LoadedScenario[],
  {
    driver: own,
    memoryMiB = 512,
    candidate = simulatedImage("v2", "2"),
    ...options
  }: PlayOptions = {},
): Promise<ExecutedRun> {
  const world = new SimulatedWorld();
  const driver = own ?? createSimulatedDriver({ world });
  const jobs = planJobs({
    scenarios,
    images: { candidate },
    buildsDisks: options.disks !== undefined,
    machines: [{ ...simulatedProfile(driver, memoryMiB), refusal: null }],
    repeatOptions: [],
  });
  const stopper = new AbortController();
  return executeRun({
    jobs,
    shard: null,
    policy: null,
    expectedMs: () => null,
    knownFailure: () => null,
    createReports: createReportWriter,
    drivers: [driver],
    fixtures: { table: simulatedFixtures(world) },
    key: await ensureSshKey(folder()),
    outDirectory: join(folder(), "runs"),
    command: [],
    parallel: 1,
    cold: true,
    recheckCold: true,
    retries: 0,
    deadlineMs: null,
    hold: null,
    signal: stopper.signal,
    stop: (reason) => stopper.abort(reason),
    onEvent: () => undefined,
    ...options,
  });
}

/** The simulated driver, at the price of a real machine. */
export function costly(memoryMiB: number): MachineDriver {
  const driver = createSimulatedDriver({ world: new SimulatedWorld() });
  return { ...driver, cost: () => ({ memoryMiB, cpus: 1, diskMiB: 1, locks: [] }) };
}

/** What must hold after any run: JUnit fits its schema, and the model can be made again from the log alone. */
export async function expectSound({ directory, model }: ExecutedRun): Promise<void> {
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
