/** From the words of the command line to jobs: scenarios chosen, images resolved, machines asked. */
import type { Architecture } from "../../../images/image.ts";
import { UsageError } from "../../base/errors.ts";
import { nearestWord } from "../../config/nearest.ts";
import { discoverScenarios } from "../../engine/discover.ts";
import { type Job, planJobs, selectScenarios } from "../../engine/plan.ts";
import type { Suite } from "../../engine/scenario.ts";
import type { Firmware, MachineDriver } from "../../machine/machine.ts";
import { guestCpus } from "../../machine/profile.ts";
import type { TransportOptions } from "./machine-options.ts";
import { type DriverChoice, type ImageWish, machineChoices, resolveImages } from "./session.ts";

/** Options that `plan` and `run` share, as commander gives them. */
export interface SelectionOptions extends DriverChoice, Partial<TransportOptions> {
  readonly suite: Suite;
  readonly candidate?: string;
  readonly candidateOci?: string;
  readonly previous?: string;
  readonly previousOci?: string;
  readonly catalogue?: string;
  readonly architecture?: Architecture;
  readonly machine: NonNullable<DriverChoice["machine"]>;
  readonly firmware: readonly Firmware[];
  readonly network: "closed" | "open";
  readonly memory: number;
}

/** Chooses and plans. Throws UsageError for unknown scenarios before any image is touched. */
export async function selectJobs(
  names: readonly string[],
  options: SelectionOptions,
  drivers: readonly MachineDriver[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Job[]> {
  const scenarios = selectScenarios(await discoverScenarios(), names, options.suite, nearestWord);
  const { candidate, previous, candidateOci, previousOci } = options;
  if ([candidate, previous, candidateOci, previousOci].every((name) => name === undefined)) {
    throw new UsageError("No image was named.", {
      details: {
        example: "npm run -s bootgate -- run --candidate reference:v2 --previous reference:v1",
      },
      lookAt: "npm run -s bootgate -- images list",
    });
  }
  const wanted = {
    candidate: imageWish("candidate", candidate, candidateOci),
    previous: imageWish("previous", previous, previousOci),
  };
  const images = await resolveImages(wanted, options, say, signal);
  return planJobs({
    scenarios,
    images,
    machines: await machineChoices(drivers, Object.values(images), options.firmware, {
      memoryMiB: options.memory,
      cpus: guestCpus,
      network: options.network,
    }),
    repeatOptions: imageWords(options),
  });
}

/** A disk with its OCI image where both were named; one of them alone is an image by itself. */
export function imageWish(
  role: string,
  name: string | undefined,
  oci: string | undefined,
): string | ImageWish | undefined {
  if (oci === undefined) return name;
  if (!oci.startsWith("oci:")) {
    throw new UsageError(
      `'${oci.slice(0, 200)}' does not name an OCI image; --${role}-oci expects oci:DIR:TAG.`,
    );
  }
  return name === undefined ? oci : { name, oci };
}

/** The words that name the same images, hardware and ways into guests again, but for the kinds of machine. */
export function imageWords(options: SelectionOptions): string[] {
  const words: [string, string | undefined][] = [
    ["--candidate", options.candidate],
    ["--candidate-oci", options.candidateOci],
    ["--previous", options.previous],
    ["--previous-oci", options.previousOci],
    ["--catalogue", options.catalogue],
    ["--architecture", options.architecture],
    ["--network", options.network === "closed" ? undefined : options.network],
    ["--accelerator", options.accelerator === "auto" ? undefined : options.accelerator],
    ["--kvm-probe-seconds", options.kvmProbeSeconds?.toString()],
    ["--memory", options.memory === 1536 ? undefined : String(options.memory)],
    ["--transport", options.transport === "ssh" ? undefined : options.transport],
  ];
  const named = words.flatMap(([word, value]) => (value === undefined ? [] : [word, value]));
  return options.channel === false ? [...named, "--no-channel"] : named;
}
