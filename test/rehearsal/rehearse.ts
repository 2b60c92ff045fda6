/** Plays one scenario on the simulated guest, with or without a sabotage, through the real runner. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asDigest } from "../../harness/base/units.ts";
import { discoverScenarios } from "../../harness/discover.ts";
import { openEventLog } from "../../harness/event-log.ts";
import { guestCredentials } from "../../harness/guest/credentials.ts";
import { ensureSshKey } from "../../harness/guest/ssh-key.ts";
import { createSimulatedDriver } from "../../harness/machine/simulated/driver.ts";
import type { SabotageName } from "../../harness/machine/simulated/sabotages.ts";
import { SimulatedWorld } from "../../harness/machine/simulated/world.ts";
import { jobFacts, planJobs } from "../../harness/plan.ts";
import { createKeyedMutex, runJobs } from "../../harness/run.ts";
import { HostBudget } from "../../harness/schedule.ts";
import type { Image } from "../../images/image.ts";
import type { JobModel } from "../../reports/model-schema.ts";
import { foldRun } from "../../reports/run-model.ts";

const image = (version: string, digit: string): Image => ({
  name: `simulated:${version}`,
  digest: asDigest(`sha256:${digit.repeat(64)}`),
  architecture: "x86_64",
  disk: { path: `/simulated/${version}.qcow2`, format: "qcow2" },
  oci: { layout: "/simulated/oci", tag: version },
  follows: null,
  standIns: [],
});

/** Limits are made for minutes; the simulated guest needs milliseconds. */
const timeScale = 0.02;

/** Plays the scenario and returns how its job ended. The sabotage is in the candidate, or in the system as a whole. */
export async function rehearse(scenarioId: string, sabotage: SabotageName | null): Promise<JobModel> {
  const folder = await mkdtemp(join(tmpdir(), "bootgate-rehearsal-"));
  try {
    const scenarios = (await discoverScenarios()).filter(({ id }) => id === scenarioId);
    const images = { previous: image("v1", "1"), candidate: image("v2", "2") };
    const world = new SimulatedWorld();
    world.addImage({ ...world.image(images.previous.digest), version: "v1" });
    world.addImage({ ...world.image(images.candidate.digest), version: "v2" });
    const driver = createSimulatedDriver({
      world,
      sabotagedDigest: images.candidate.digest,
      ...(sabotage === null ? {} : { sabotage }),
    });
    const machine = { driver: driver.kind, architecture: "x86_64", firmware: "uefi", refusal: null } as const;
    const jobs = planJobs({ scenarios, images, machines: [machine], repeatOptions: [] });
    const key = await ensureSshKey(folder);
    using log = openEventLog(join(folder, "events.jsonl"), () => undefined);
    const host = { name: "test", kernel: "", qemu: null, accelerator: "none", cpus: 2, memoryMiB: 1 };
    log.append({
      type: "run-started",
      version: 1,
      run: "rehearsal",
      harness: "0",
      host,
      command: [],
      jobs: jobs.map(jobFacts),
    });
    const credentials = guestCredentials({ publicKey: key.publicKey, insecureRegistries: [] });
    const oneAtATime = createKeyedMutex();
    await runJobs({
      jobs,
      log,
      runDirectory: folder,
      budget: new HostBudget({ memoryMiB: 100_000, cpus: 100, diskMiB: 100_000 }),
      parallel: 1,
      retries: 0,
      recheckCold: true,
      signal: new AbortController().signal,
      bootPlan: () => ({
        driver,
        firmware: "uefi",
        memoryMiB: 1024,
        cpus: 2,
        network: "closed",
        key,
        ...credentials,
        start: "cold",
        timeScale,
        oneAtATime,
      }),
      openShelf: async () => world.openShelf(),
      hold: null,
    });
    log.append({ type: "run-ended" });
    const [job] = foldRun(log.events).jobs;
    if (job === undefined) throw new Error(`There is no scenario '${scenarioId}'.`);
    return job;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
