/** From the words of the command line to jobs: scenarios chosen, images resolved, machines asked. */
import type { Architecture, Image } from "../../../images/image.ts";
import { parseImageName } from "../../../images/origins/image-name.ts";
import { UsageError } from "../../base/errors.ts";
import { cacheRoot } from "../../base/places.ts";
import { nearestWord } from "../../config/nearest.ts";
import { discoverScenarios } from "../../engine/discover.ts";
import { type Job, planJobs, selectScenarios } from "../../engine/plan.ts";
import type { Suite } from "../../engine/scenario.ts";
import type { Firmware, MachineDriver } from "../../machine/machine.ts";
import { guestCpus } from "../../machine/profile.ts";
import type { CutOptions } from "./cut-options.ts";
import { withDerivedImages } from "./derived-images.ts";
import { canMakeDisks, type DiskOptions, diskWords } from "./disk-options.ts";
import { refuseIdleKernel, refuseIdleOptions } from "./idle-options.ts";
import { type RegistryOptions, registryWords } from "./image-options.ts";

import { machineChoices } from "./machine-choices.ts";
import type { TransportOptions } from "./machine-options.ts";
import type { DriverChoice } from "./open-drivers.ts";
import { withPassphrases } from "./passphrase.ts";
import { type ImageWish, resolveImages } from "./session.ts";
import { askedTpm, type TpmOptions } from "./tpm-options.ts";
import { wantsOf } from "./unbootable.ts";

/** Options that `plan` and `run` share, as commander gives them. */
export interface SelectionOptions
  extends DriverChoice,
    CutOptions,
    DiskOptions,
    RegistryOptions,
    TpmOptions,
    Partial<TransportOptions> {
  readonly suite: Suite;
  /** A group of the catalogue or a file, instead of the images below. */
  readonly matrix?: string | undefined;
  readonly candidate?: string;
  readonly candidateOci?: string;
  readonly previous?: string;
  readonly previousOci?: string;
  /** False leaves a role empty that nobody named an image for. Default true. */
  readonly derive?: boolean;
  readonly candidateChecksum?: string;
  readonly previousChecksum?: string;
  readonly keyring?: string;
  readonly secureBootKeys?: string;
  readonly kernelPackages?: string;
  readonly catalogue?: string;
  readonly architecture?: Architecture;
  readonly machine: NonNullable<DriverChoice["machine"]>;
  readonly firmware: readonly Firmware[];
  readonly network: "closed" | "open";
  readonly memory: number;
}

/** The same for jobs of several architectures: those of each are planned for themselves. */
export interface ManyOptions extends Omit<SelectionOptions, "architecture"> {
  readonly architecture?: readonly Architecture[];
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
  refuseIdleKernel(options.kernelPackages, scenarios);
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
    candidate: withChecksum(
      "candidate",
      imageWish("candidate", candidate, candidateOci),
      options.candidateChecksum,
      options.keyring,
    ),
    previous: withChecksum(
      "previous",
      imageWish("previous", previous, previousOci),
      options.previousChecksum,
      options.keyring,
    ),
  };
  if (options.keyring !== undefined && options.candidateChecksum === undefined) {
    if (options.previousChecksum === undefined)
      throw new UsageError("A keyring is named, but no signed list of checksums.", {
        details: { "to do": "name the list by --candidate-checksum or --previous-checksum" },
      });
  }
  const wants = wantsOf(drivers, options.firmware, options.secureBootKeys);
  const found = await resolveImages(wanted, { ...options, wants }, say, signal);
  refuseIdleOptions(options, found.candidate, [found.previous]);
  const named = await withPassphrases(found, options.passphraseFile);
  const images =
    options.derive === false
      ? named
      : await withDerivedImages({
          scenarios,
          images: named,
          cacheDir: cacheRoot(),
          say,
          signal,
        });
  return planJobs({
    scenarios,
    images,
    machines: await machineChoices(drivers, Object.values(named), options.firmware, {
      memoryMiB: memoryFor(options, Object.values(images)),
      cpus: guestCpus,
      network: options.network,
      tpm: await askedTpm(options),
    }),
    buildsDisks: canMakeDisks(drivers.map(({ kind }) => kind)),
    repeatOptions: [...imageWords(options), ...diskWords(options)],
  });
}

/** Memory of a guest, MiB: what the run gives, or what the catalogue says that one of the images needs. */
export const memoryFor = (
  { memory }: Pick<SelectionOptions, "memory">,
  images: readonly (Image | undefined)[],
): number => Math.max(memory, ...images.map((image) => image?.catalogue?.memoryMiB ?? 0));

/** A disk with its OCI image where both were named; one of them alone is an image by itself. */
export function imageWish(
  role: string,
  name: string | undefined,
  oci: string | undefined,
): string | ImageWish | undefined {
  if (oci === undefined) return name;
  const unknown = { entries: [], names: [], isThere: false };
  if (["disk", "catalogue"].includes(parseImageName(oci, unknown).kind)) {
    throw new UsageError(
      `'${oci.slice(0, 200)}' does not name an OCI image; --${role}-oci expects oci:DIR:TAG, or a reference at a registry.`,
    );
  }
  return name === undefined ? oci : { name, oci };
}

/** The same image with the checksum that its disk file has to have; the keyring is of the checksum's list. */
export function withChecksum(
  role: string,
  wish: string | ImageWish | undefined,
  checksum: string | undefined,
  keyring: string | undefined,
): string | ImageWish | undefined {
  if (checksum === undefined) return wish;
  if (wish === undefined)
    throw new UsageError(`--${role}-checksum is of the disk file that --${role} names.`);
  const named = typeof wish === "string" ? { name: wish } : wish;
  return { ...named, checksum, ...(keyring === undefined ? {} : { keyring }) };
}

/** The words that name the same images, hardware and ways into guests again, but for the kinds of machine. */
export function imageWords(options: SelectionOptions | ManyOptions): string[] {
  const words: [string, string | undefined][] = [
    ["--matrix", options.matrix],
    ["--candidate", options.candidate],
    ["--candidate-oci", options.candidateOci],
    ["--candidate-checksum", options.candidateChecksum],
    ["--previous", options.previous],
    ["--previous-oci", options.previousOci],
    ["--previous-checksum", options.previousChecksum],
    ["--keyring", options.keyring],
    ["--secure-boot-keys", options.secureBootKeys],
    ["--kernel-packages", options.kernelPackages],
    ["--catalogue", options.catalogue],
    ...registryWords(options),
    ["--architecture", options.architecture?.toString()],
    ["--network", options.network === "closed" ? undefined : options.network],
    ["--accelerator", options.accelerator === "auto" ? undefined : options.accelerator],
    ["--kvm-probe-seconds", options.kvmProbeSeconds?.toString()],
    ["--boards", options.boards],
    ["--tpm-state", options.tpmState],
    ["--power-cuts", options.powerCuts?.toString()],
    ["--power-seed", options.powerSeed],
    ["--memory", options.memory === 1536 ? undefined : String(options.memory)],
    ["--transport", options.transport === "ssh" ? undefined : options.transport],
  ];
  const named = words.flatMap(([word, value]) => (value === undefined ? [] : [word, value]));
  return [
    ...named,
    ...(options.derive === false ? ["--no-derive"] : []),
    ...(options.channel === false ? ["--no-channel"] : []),
  ];
}
