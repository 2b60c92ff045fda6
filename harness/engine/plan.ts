/**
 * Scenarios × images × machines → jobs, each runnable or skipped with a reason, before anything boots. Pure: what it
 * needs to know of hosts and drivers is handed in.
 */
import { type Image, isLiveMedium } from "../../images/image.ts";
import { type BootgateError, UsageError } from "../base/errors.ts";
import { quoteArgument } from "../base/quote.ts";
import { maskSecrets } from "../base/secrets.ts";
import type { CellFacts, ImageFacts, JobFacts } from "../log/events.ts";
import { placeParts } from "../log/place-parts.ts";
import { boardOf, type MachineProfile } from "../machine/profile.ts";
import type { DiskSource } from "./boot.ts";
import { busWords } from "./need-words.ts";
import { type LoadedScenario, type Suite, suitesOf } from "./scenario.ts";

/** A kind of machine that jobs can run on. */
export interface MachineChoice extends MachineProfile {
  /** Why the driver cannot make it, or null. */
  readonly refusal: string | null;
  /** The same for images whose firmware is to have keys of their own. Absent: it is not different. */
  readonly ownKeysRefusal?: string | null;
}

export interface PlanRequest {
  readonly scenarios: readonly LoadedScenario[];
  /** By role; a role without an image is one that was not named. */
  readonly images: Readonly<Partial<Record<string, Image>>>;
  readonly machines: readonly MachineChoice[];
  /** Why the images cannot be had: the jobs are there all the same, and end as broken. */
  readonly unavailable?: BootgateError;
  /** Whether a disk is made of an OCI image that has none. */
  readonly buildsDisks?: boolean;
  /** Which images of a matrix these are, and how their disks are made. */
  readonly cell?: CellFacts;
  /** Makes disks for these jobs, in a way of their own. */
  readonly disks?: DiskSource | undefined;
  /** Words that are put into the repeat line, e.g. `--candidate reference:v2`. */
  readonly repeatOptions: readonly string[];
}

/** One scenario on one machine with its images. */
export interface Job {
  readonly id: string;
  readonly scenario: LoadedScenario;
  readonly images: Readonly<Record<string, Image>>;
  readonly machine: MachineChoice;
  readonly cell?: CellFacts;
  /** Makes its disks; absent: whatever makes the run's. */
  readonly disks?: DiskSource | undefined;
  readonly skip: string | null;
  /** Why its images cannot be had; it has none then. */
  readonly unavailable?: BootgateError;
  readonly repeat: string;
}

/** Chooses scenarios by id or by folder (`bootc`), else by suite. Throws UsageError for a name that fits none. */
export function selectScenarios(
  all: readonly LoadedScenario[],
  names: readonly string[],
  suite: Suite,
  nearest: (word: string, among: readonly string[]) => string | null,
): LoadedScenario[] {
  if (names.length === 0) {
    return all.filter(({ definition }) => suitesOf(definition).includes(suite));
  }
  const fits = (id: string, name: string) =>
    id === name || id.startsWith(`${name.replace(/\/$/, "")}/`);
  const unknown = names.filter((name) => !all.some(({ id }) => fits(id, name)));
  if (unknown.length > 0) {
    const lines = unknown.map((name) => {
      const near = nearest(
        name,
        all.map(({ id }) => id),
      );
      return `The scenario '${name}' does not exist.${near === null ? "" : ` Did you mean '${near}'?`}`;
    });
    throw new UsageError(lines.join("\n"), { lookAt: "npm run -s bootgate -- list" });
  }
  return all.filter(({ id }) => names.some((name) => fits(id, name)));
}

/** Makes the jobs. Every scenario yields one job a machine, runnable or not: what is not run must be seen. */
export function planJobs(request: PlanRequest): Job[] {
  return request.scenarios.flatMap((scenario) =>
    request.machines.map((machine) => {
      const { cell, disks, unavailable } = request;
      const place = placeParts(machineFacts(machine)).join("-");
      const id = [`${scenario.id}@${place}`, ...Object.values(cell ?? {})].join("+");
      const roles = scenario.definition.needs.images;
      const images = Object.fromEntries(
        roles.flatMap((role) => {
          const image = request.images[role];
          return image === undefined ? [] : [[role, image] as const];
        }),
      );
      return {
        id,
        scenario,
        images,
        machine,
        ...(cell === undefined ? {} : { cell }),
        ...(disks === undefined ? {} : { disks }),
        ...(unavailable === undefined ? {} : { unavailable }),
        skip:
          unavailable === undefined
            ? whySkipped(scenario, images, machine, request.buildsDisks === true)
            : whyNotOn(scenario, machine, {}),
        repeat: [
          "npm run -s bootgate -- run",
          scenario.id,
          ...request.repeatOptions.map(maskSecrets).map(quoteArgument),
          "--machine",
          quoteArgument(machine.word ?? machine.driver),
          "--firmware",
          machine.firmware,
        ].join(" "),
      };
    }),
  );
}

/** Why a scenario does not run on a machine, whatever the images but for the keys of their firmware. */
function whyNotOn(
  { definition: { needs } }: LoadedScenario,
  machine: MachineChoice,
  images: Readonly<Record<string, Image>>,
): string | null {
  const { refusal, ownKeysRefusal = refusal } = machine;
  const keys = needs.images.map((role) => images[role]?.secureBootKeys);
  const refused = keys.some((folder) => folder !== undefined) ? ownKeysRefusal : refusal;
  if (refused !== null) return refused;
  if (machine.firmware === "uefi-secure-boot" && new Set(keys).size > 1)
    return "Its images are signed by different keys, and a machine has those of one of them (--secure-boot-keys DIR is for all).";
  if (needs.firmware !== undefined && !needs.firmware.includes(machine.firmware)) {
    return `The scenario is about ${needs.firmware.join(" or ")} firmware.`;
  }
  if (needs.architectures !== undefined && !needs.architectures.includes(machine.architecture))
    return `The scenario is about ${needs.architectures.join(" or ")}, the machine is ${machine.architecture}.`;
  if (needs.diskBus !== undefined && !machine.capabilities.has("disk-bus"))
    return `It needs a disk on ${busWords[needs.diskBus]}, and what the disks of '${machine.driver}' machines hang on cannot be chosen.`;
  const lacking = (needs.capabilities ?? []).filter(
    (one) => one !== "services" && !machine.capabilities.has(one),
  );
  if (lacking.length > 0)
    return `It needs a machine with ${lacking.join(" and ")}, and '${machine.driver}' machines lack it.`;
  if (needsServices(needs) && !machine.capabilities.has("services"))
    return `Its guests fetch from services of the harness (a registry, files), which '${machine.driver}' machines do not reach.`;
  const disks = needs.blankDisksMiB?.length ?? 0;
  if (disks > 0 && !machine.capabilities.has("more-disks"))
    return `It needs ${disks} empty ${disks === 1 ? "disk" : "disks"} beside the one that it boots from, and '${machine.driver}' machines cannot be given any.`;
  if (needs.memoryMiB !== undefined && machine.memoryMiB < needs.memoryMiB)
    return `It needs a guest with ${needs.memoryMiB} MiB of memory, and this run gives ${machine.memoryMiB} MiB (--memory).`;
  return null;
}

/** A story that publishes, or starts from an update, has a registry beside its guests. */
const needsServices = ({ publishes = [], from = "booted", capabilities = [] }: Needs): boolean =>
  publishes.length > 0 || from !== "booted" || capabilities.includes("services");

function whySkipped(
  scenario: LoadedScenario,
  images: Readonly<Record<string, Image>>,
  machine: MachineChoice,
  buildsDisks: boolean,
): string | null {
  const { needs } = scenario.definition;
  const notOn = whyNotOn(scenario, machine, images);
  if (notOn !== null) return notOn;
  const unpromised = whyNotPromised(needs, images.candidate);
  if (unpromised !== null) return unpromised;
  for (const role of needs.images) {
    const image = images[role];
    if (image === undefined) {
      const wanted = `It needs an image for the role '${role}' (--${role} IMAGE).`;
      const why = images.candidate?.notDerivable;
      return why === undefined ? wanted : `${wanted} ${why}`;
    }
    if (image.architecture !== machine.architecture) {
      return `The ${role} image is for ${image.architecture}, the machine is ${machine.architecture}.`;
    }
    const boots = image.catalogue?.firmware;
    if (boots !== undefined && !boots.includes(machine.firmware))
      return `The catalogue says that ${image.catalogue?.entry} boots by ${boots.join(" and ")} firmware only.`;
    if ((needs.installs ?? []).includes(role) && image.installer === undefined) {
      return `The ${role} image '${image.name}' is not an ISO to install from.`;
    }
    if ((needs.live ?? []).includes(role) && !isLive(image)) {
      return `The ${role} image '${image.name}' is not a live medium.`;
    }
    const canBeMade = image.oci !== null || image.installer !== undefined;
    const canBoot = image.disk !== null || (buildsDisks && canBeMade);
    if ((needs.boots ?? needs.images).includes(role) && !canBoot) {
      return `The ${role} image '${image.name}' has no installed disk to boot.`;
    }
    const sector = image.disk?.sectorBytes ?? 512;
    if ((needs.boots ?? needs.images).includes(role) && !machine.sectorBytes.includes(sector)) {
      return `The disk of the ${role} image has sectors of ${sector} bytes, and '${machine.driver}' machines boot by ${machine.firmware} firmware from disks of ${machine.sectorBytes.join(" or ")} only.`;
    }
    if ((needs.publishes ?? []).includes(role) && image.oci === null) {
      return `The ${role} image '${image.name}' has no OCI image that a registry could serve.`;
    }
  }
  if (needs.kernelPackages === true && images.candidate?.kernelPackages === undefined)
    return "It needs the RPM packages of another kernel for the candidate (--kernel-packages DIR, or kernelPackages in its entry of the catalogue).";
  return null;
}

const isLive = ({ installer }: Image): boolean =>
  installer !== undefined && isLiveMedium(installer);

/** What nothing is known of runs: a story that fails then is how one learns it. */
function whyNotPromised({ promises = [] }: Needs, candidate: Image | undefined): string | null {
  const word = candidate?.catalogue;
  const lacking = promises.filter((one) => word?.lacks.includes(one) === true);
  if (word === undefined || lacking.length === 0) return null;
  return `The catalogue says that ${word.entry} does not promise ${lacking.join(" and ")}.`;
}

type Needs = LoadedScenario["definition"]["needs"];

/** The promises that a failed story shows to be broken, as a sentence; null where none was made. */
export function brokenPromise({
  scenario,
  images,
}: Pick<Job, "scenario" | "images">): string | null {
  const word = images.candidate?.catalogue;
  const made = (scenario.definition.needs.promises ?? []).filter(
    (one) => word?.promises.includes(one) === true,
  );
  if (word === undefined || made.length === 0) return null;
  return `The catalogue says that ${word.entry} promises ${made.join(" and ")}.`;
}

function machineFacts(machine: MachineChoice): JobFacts["machine"] {
  const { driver, architecture, firmware } = machine;
  const board = boardOf(machine);
  return { driver, architecture, firmware, ...(board === undefined ? {} : { board }) };
}

/** A job as the events carry it. */
export function jobFacts(job: Job): JobFacts {
  const images: Record<string, ImageFacts> = {};
  for (const [role, image] of Object.entries(job.images)) {
    images[role] = {
      name: image.name,
      digest: image.digest,
      architecture: image.architecture,
      standIns: [...image.standIns],
      ...(image.manifest === null ? { digestOf: "disk" } : {}),
      ...(image.disk === null || image.disk.digest === image.digest
        ? {}
        : { disk: image.disk.digest }),
      ...(image.index === undefined ? {} : { index: image.index }),
      ...(image.derivedFrom === undefined ? {} : { derivedFrom: image.derivedFrom }),
    };
  }
  return {
    id: job.id,
    scenario: job.scenario.id,
    summary: job.scenario.definition.summary,
    images,
    machine: machineFacts(job.machine),
    ...(job.cell === undefined ? {} : { cell: job.cell }),
    ...(job.skip === null ? {} : { skip: job.skip }),
    ...(job.unavailable === undefined ? {} : { unavailable: job.unavailable.headline }),
    repeat: job.repeat,
  };
}
