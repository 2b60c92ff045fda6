/** Plays one scenario on the simulated guest, with or without a sabotage, through the real runner. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asDigest } from "../../harness/base/units.ts";
import { updateBehind } from "../../harness/engine/behind.ts";
import { RunClaims } from "../../harness/engine/claims.ts";
import { discoverScenarios } from "../../harness/engine/discover.ts";
import { guestHardware } from "../../harness/engine/need-words.ts";
import { openFixture } from "../../harness/engine/open-fixtures.ts";
import { jobFacts, planJobs } from "../../harness/engine/plan.ts";
import { runJobs } from "../../harness/engine/run.ts";
import type { FixtureName, LoadedScenario, ScenarioNeeds } from "../../harness/engine/scenario.ts";
import { HostBudget } from "../../harness/engine/schedule.ts";
import { guestCredentials } from "../../harness/guest/credentials.ts";
import { ensureSshKey } from "../../harness/guest/ssh/ssh-key.ts";
import { openEventLog } from "../../harness/log/event-log.ts";
import type { JobModel } from "../../harness/log/model-schema.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import type { MachineDriver } from "../../harness/machine/machine.ts";
import { type MachineProfile, profileOf } from "../../harness/machine/profile.ts";
import { statesAlone } from "../../harness/states/states.ts";
import type { CatalogueWord, Image } from "../../images/image.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { simulatedFixtures } from "../simulated/fixtures.ts";
import { simulatedCuts } from "../simulated/power-cuts.ts";
import type { SabotageName } from "../simulated/sabotages.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import type { WorldOptions } from "../simulated/world-options.ts";
import { liveMedium, screens, withScreen } from "./live-medium.ts";

/** An image of the simulated world. */
export const simulatedImage = (version: string, digit: string): Image => {
  const digest = asDigest(`sha256:${digit.repeat(64)}`);
  return {
    name: `simulated:${version}`,
    digest,
    manifest: digest,
    architecture: "x86_64",
    disk: { path: `/simulated/${version}.qcow2`, format: "qcow2", digest, installSeconds: 90 },
    installer: {
      path: `/simulated/${version}.iso`,
      label: "SIMULATED",
      digest,
      stamp: "",
      kernel: { path: "/vmlinuz", start: 0, size: 1 },
      initrd: { path: "/initrd.img", start: 0, size: 1 },
      arguments: [],
      ...{ carriesImage: true, carries: digest },
      family: "anaconda",
    },
    oci: { layout: "/simulated/oci", tag: version },
    follows: null,
    standIns: [],
    kernelPackages: "/simulated/kernel",
  };
};

/** The machine that simulated guests run on. */
export const simulatedProfile = (driver: MachineDriver, memoryMiB = 1024): MachineProfile =>
  profileOf(driver, {
    architecture: "x86_64",
    firmware: "uefi",
    memoryMiB,
    cpus: 2,
    network: "closed",
  });

/**
 * Limits are made for minutes; the simulated guest needs milliseconds. Where nothing is sabotaged no limit is waited for, so
 * there they leave room for a busy host.
 */
export const timeScales = { sabotaged: 0.02, well: 0.2 } as const;
/** A story's own minutes are made for a real guest: scaled down, a busy host needs longer to play it. Half a minute, scaled. */
const storyMinutes = 30;

/** A scenario by its id. */
export async function storyOf(id: string): Promise<LoadedScenario> {
  const found = (await discoverScenarios()).find((scenario) => scenario.id === id);
  if (found === undefined) throw new Error(`There is no scenario '${id}'.`);
  return found;
}

/** Plays a scenario by its id. */
export const rehearse = async (
  id: string,
  sabotage: SabotageName | null,
  options: RehearsalOptions = {},
): Promise<JobModel> => rehearseStory(await storyOf(id), sabotage, options);

export interface RehearsalOptions {
  /** Whose death is told, of the fixtures; it is told by all that the story opens. */
  readonly died?: Promise<never>;
  /** What the registry counts at its end. */
  readonly pulledBytes?: () => Promise<number>;
  readonly start?: "cold" | "fork";
  /** What the guests of this rehearsal are, and what their disks follow. */
  readonly world?: WorldOptions;
  /** The limit of the story, in minutes before they are scaled; for tests of the limit itself. */
  readonly timeoutMinutes?: number;
  /** One of `timeScales`, where the driver is what is sabotaged. */
  readonly timeScale?: number;
  /** What the catalogue says of the candidate. */
  readonly catalogue?: CatalogueWord;
  /** Nobody named the previous image: it was derived from the candidate. */
  readonly isPreviousDerived?: boolean;
  /** Opens the disk beside its token, and is known. */
  readonly diskPassphrase?: string;
  /** Stretches the limits of the console, as that of a question which nobody answers. */
  readonly patience?: number;
  /** All images have Docker's own manifest. */
  readonly hasDockerManifests?: boolean;
  /** The candidate is an ISO alone: no OCI image was named beside it. */
  readonly isIsoAlone?: boolean;
  /** Changes the driver before it is used. */
  readonly driver?: (driver: MachineDriver) => MachineDriver;
}

/** What the guests of a story have to have for it to have something to judge. */
const worldFor = ({ tpm, promises = [] }: ScenarioNeeds<string>): WorldOptions => ({
  ...(tpm === true ? { rootLock: "tpm" } : {}),
  ...(promises.includes("desktop") ? { desktop: "gdm.service" } : {}),
  ...(promises.includes("greenboot") ? { greenboot: "rust" } : {}),
});

/** Plays a story and returns how its job ended. The sabotage is in the candidate, or in the system as a whole. */
export async function rehearseStory(
  story: LoadedScenario,
  sabotage: SabotageName | null,
  {
    start = "cold",
    driver: dress = (driver) => driver,
    world: worldOptions = {},
    timeoutMinutes = storyMinutes,
    timeScale = sabotage === null ? timeScales.well : timeScales.sabotaged,
    catalogue,
    isIsoAlone = false,
    isPreviousDerived = false,
    died,
    pulledBytes,
    diskPassphrase,
    patience = sabotage?.startsWith("tpm-") === true ? timeScales.sabotaged : 1,
    hasDockerManifests = false,
  }: RehearsalOptions = {},
): Promise<JobModel> {
  const folder = await mkdtemp(join(tmpdir(), "bootgate-rehearsal-"));
  try {
    const installed = simulatedImage("v2", "2");
    const isLive = story.definition.needs.live !== undefined;
    const candidate = isLive
      ? await liveMedium(installed, folder)
      : { ...installed, ...(isIsoAlone ? { manifest: null, oci: null } : {}) };
    const made = (image: Image): Image => ({
      ...image,
      oci: image.oci && { ...image.oci, hasDockerManifest: hasDockerManifests },
    });
    const images = {
      previous: {
        ...made(simulatedImage("v1", "1")),
        ...(isPreviousDerived ? { derivedFrom: candidate.digest } : {}),
      },
      candidate: made(catalogue === undefined ? candidate : { ...candidate, catalogue }),
      next: made(simulatedImage("v3", "3")),
      broken: made(simulatedImage("v3-broken", "4")),
    };
    const needsTpm = story.definition.needs.tpm === true;
    const world = new SimulatedWorld({ ...worldFor(story.definition.needs), ...worldOptions });
    const add = ({ digest }: Image, version: string, hasFailingUnit = false): void =>
      world.addImage({
        ...world.image(digest),
        ...{ version, hasFailingUnit, hasDockerManifest: hasDockerManifests },
      });
    add(images.previous, "v1");
    add(images.candidate, "v2");
    add(images.next, "v3");
    add(images.broken, "v4", true);
    const plain = createSimulatedDriver({
      world,
      sabotagedDigest: images.candidate.digest,
      ...(sabotage === null ? {} : { sabotage }),
      ...(diskPassphrase === undefined ? {} : { diskPassphrase }),
      patience,
    });
    const isSeen = isLive || story.definition.needs.promises?.includes("desktop") === true;
    const driver = dress(isSeen ? withScreen(plain, screens.graphics) : plain);
    const [firmware = "uefi"] = story.definition.needs.firmware ?? [];
    const tpm = needsTpm ? { state: { path: "/simulated/tpm", contentDigest: "1" } } : undefined;
    const machine = { ...simulatedProfile(driver), firmware, tpm, refusal: null };
    const jobs = planJobs({
      scenarios: [{ ...story, definition: { ...story.definition, timeoutMinutes } }],
      images,
      machines: [machine],
      repeatOptions: [],
    });
    const key = await ensureSshKey(folder);
    using log = openEventLog(join(folder, "events.jsonl"), () => undefined);
    const host = {
      name: "test",
      kernel: "",
      qemu: null,
      accelerator: "none",
      cpus: 2,
      memoryMiB: 1,
    };
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
    const claims = new RunClaims();
    const { signal } = new AbortController();
    const states = statesAlone({
      directory: join(folder, "states"),
      signal,
      onReport: (report) => log.append(report),
    });
    await runJobs({
      jobs,
      log,
      runDirectory: folder,
      budget: new HostBudget({ memoryMiB: 100_000, cpus: 100, diskMiB: 100_000 }),
      parallel: 1,
      retries: 0,
      recheckCold: true,
      signal: new AbortController().signal,
      bootPlan: (job) => ({
        driver,
        behind: updateBehind(job, simulatedFixtures(world), driver.registry),
        firmware: job.machine.firmware,
        tpm: job.machine.tpm,
        memoryMiB: 1024,
        cpus: 2,
        network: "closed",
        ...guestHardware(job.scenario.definition.needs),
        key,
        ...credentials,
        start,
        timeScale,
        claims,
        states,
        ...(isLive ? { medium: "direct" as const } : {}),
      }),
      fixturesOf: (job) => async (name) => {
        const place = { images: Object.values(job.images), guests: driver.registry };
        const fixture = await openFixture(simulatedFixtures(world), name, place);
        return {
          ...fixture,
          ...(died === undefined ? {} : { died }),
          ...(pulledBytes === undefined || name !== ("registry" satisfies FixtureName)
            ? {}
            : { measures: async () => ({ "pulled.bytes": await pulledBytes() }) }),
        };
      },
      changeImage: async (image, change) => world.changed(image, change),
      openCuts: simulatedCuts(world, images.candidate, sabotage),
      hold: null,
    });
    log.append({ type: "run-ended" });
    const [job] = foldRun(log.events).jobs;
    if (job === undefined) throw new Error("The run has no job.");
    return job;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
