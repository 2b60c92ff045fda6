/**
 * The jobs of a command line: of one candidate, or of every cell of a matrix, each candidate with images derived from
 * itself. A cell's repeat line names its image alone, so repeating it needs neither the file nor the others.
 */
import type { Architecture, Image } from "../../../images/image.ts";
import { BootgateError } from "../../base/errors.ts";
import { cacheRoot } from "../../base/places.ts";
import { nearestWord } from "../../config/nearest.ts";
import { discoverScenarios } from "../../engine/discover.ts";
import { type Job, type MachineChoice, planJobs, selectScenarios } from "../../engine/plan.ts";
import type { LoadedScenario } from "../../engine/scenario.ts";
import type { Firmware, MachineDriver } from "../../machine/machine.ts";
import { guestCpus } from "../../machine/profile.ts";
import { type ImagesByRole, withDerivedImages } from "./derived-images.ts";
import {
  canMakeDisks,
  type DiskMaker,
  type DiskOptions,
  diskWords,
  requireBuilder,
} from "./disk-options.ts";
import { readMachineWord } from "./drivers.ts";
import { fitCell, installsNothing, refuseIdleKernel, refuseIdleKeys } from "./idle-options.ts";
import { withKickstartCommands } from "./kickstart-jobs.ts";
import { withLiveMedia } from "./live-jobs.ts";
import { machineChoices } from "./machine-choices.ts";
import type { Matrix, MatrixDisk, MatrixImage } from "./matrix-file.ts";
import { withPassphrases } from "./passphrase.ts";
import {
  imageWish,
  imageWords,
  type ManyOptions,
  memoryFor,
  type SelectionOptions,
  selectJobs,
} from "./selection.ts";
import { checkNames, resolveImages } from "./session.ts";
import { askedTpm, tpmOfMachine } from "./tpm-options.ts";
import { wantsOf } from "./unbootable.ts";

export interface JobSources {
  /** Null: one candidate, named by the options. */
  readonly matrix: Matrix | null;
  readonly drivers: readonly MachineDriver[];
  /** What makes disks in a way of its own; absent where nothing is going to boot. */
  readonly disksFor?: ((options: DiskOptions) => DiskMaker | undefined) | undefined;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The options with the drivers that a matrix names, for the code that opens them; which daemon a kind is of, and which boards there are, the command line says. */
export const withMatrixDrivers = <Options extends Pick<SelectionOptions, "machine">>(
  options: Options,
  matrix: Matrix | null,
): Options =>
  matrix === null || matrix.machines.length === 0
    ? options
    : {
        ...options,
        machine: [...new Set(matrix.machines.map(({ driver }) => driver))].flatMap((driver) => {
          const words = options.machine?.filter((word) => readMachineWord(word)?.name === driver);
          return words === undefined || words.length === 0 ? [driver] : words;
        }),
      };

/**
 * Chooses and plans. Throws as `selectJobs` does, and for a name of a matrix that cannot name an image. An image of a matrix
 * that cannot be had makes its own jobs broken, and the others go on.
 */
export async function chooseJobs(
  names: readonly string[],
  { architecture: asked, ...options }: ManyOptions,
  sources: JobSources,
): Promise<Job[]> {
  const { matrix } = sources;
  refuseIdleKeys(options.secureBootKeys, kindsOf(matrix, options));
  const wished: readonly (Architecture | undefined)[] = asked ?? [undefined];
  const jobs: Job[] = [];
  if (matrix !== null) {
    // A machine that leaves its architecture out is one of each that was asked for.
    const machines = matrix.machines.flatMap((one) =>
      one.architecture === undefined
        ? wished.map((architecture) => ({ ...one, architecture }))
        : one,
    );
    const all = machines.length === 0 ? wished : machines.map(({ architecture }) => architecture);
    const expanded = { ...matrix, machines };
    return matrixJobs(names, [...new Set(all)], options, { ...sources, matrix: expanded });
  }
  for (const architecture of wished) {
    const one = { ...options, ...(architecture === undefined ? {} : { architecture }) };
    const chosen = await selectJobs(names, one, sources.drivers, sources.say, sources.signal);
    const how = { how: options, disksFor: sources.disksFor };
    jobs.push(...withKickstartCommands(withLiveMedia(chosen, options), how));
  }
  return jobs;
}

/** What a matrix is planned with for one architecture; without one, each image has its own. */
interface MatrixSources extends JobSources {
  readonly matrix: Matrix;
}

async function matrixJobs(
  names: readonly string[],
  architectures: readonly (Architecture | undefined)[],
  options: SelectionOptions,
  sources: MatrixSources,
): Promise<Job[]> {
  const { matrix } = sources;
  const scenarios = selectScenarios(await discoverScenarios(), names, options.suite, nearestWord);
  refuseIdleKernel(options.kernelPackages, scenarios);
  for (const disk of matrix.disks) await requireBuilder({ ...options, ...disk.options });
  const jobs: Job[] = [];
  const labels = new Map<string, string>();
  await checkNames(
    matrix.images.flatMap(({ candidate, previous }) => [
      candidate,
      ...(previous === undefined ? [] : [previous]),
    ]),
    options,
  );
  for (const one of matrix.images)
    for (const architecture of architectures) {
      const own = { ...options, ...(architecture === undefined ? {} : { architecture }) };
      jobs.push(...(await imageJobs(one, scenarios, own, { ...sources, labels })));
    }
  return jobs;
}

/** The jobs of one image for one architecture; none where it was planned already by another name. */
async function imageJobs(
  one: MatrixImage,
  scenarios: readonly LoadedScenario[],
  options: SelectionOptions,
  { labels, ...sources }: MatrixSources & { readonly labels: Map<string, string> },
): Promise<Job[]> {
  const { say, signal } = sources;
  const images = await imagesOf(one, scenarios, options, sources).catch((error: unknown) => {
    signal.throwIfAborted();
    if (error instanceof BootgateError) return error;
    throw error;
  });
  if (images instanceof BootgateError) {
    say(`${one.label} cannot be had, so its jobs are broken: ${images.headline}`);
    return jobsOf(one, images, scenarios, options, sources);
  }
  const key = identityOf(images);
  const same = labels.get(key);
  if (same !== undefined && same !== one.label) {
    say(`${one.label} is the same image as ${same}, so it is run once, as ${same}.`);
    return [];
  }
  labels.set(key, one.label);
  return jobsOf(one, images, scenarios, options, sources);
}

/** What is booted and published: two names of one OCI image with a disk each are two images. */
const identityOf = (images: ImagesByRole): string =>
  JSON.stringify(
    Object.entries(images).map(([role, image]) => [
      role,
      image?.digest,
      image?.architecture,
      image?.disk?.digest,
      image?.installer?.digest,
    ]),
  );

/** The kinds of firmware that jobs may have. */
function kindsOf(
  matrix: Matrix | null,
  { firmware }: Pick<SelectionOptions, "firmware">,
): readonly Firmware[] {
  const named = matrix?.machines.map((one) => one.firmware) ?? [];
  return named.length > 0 ? named : firmware;
}

async function imagesOf(
  { candidate, candidateOci, previous }: MatrixImage,
  scenarios: readonly LoadedScenario[],
  options: SelectionOptions,
  { matrix, drivers, say, signal }: JobSources,
): Promise<ImagesByRole> {
  const wish = imageWish("candidate", candidate, candidateOci);
  const wants = wantsOf(drivers, kindsOf(matrix, options), options.secureBootKeys);
  const asked = { ...options, wants };
  const found = await resolveImages({ candidate: wish, previous }, asked, say, signal);
  const images = await withPassphrases(found, options.passphraseFile);
  if (options.derive === false) return images;
  return withDerivedImages({ scenarios, images, cacheDir: cacheRoot(), say, signal });
}

async function jobsOf(
  one: MatrixImage,
  found: ImagesByRole | BootgateError,
  scenarios: readonly LoadedScenario[],
  options: SelectionOptions,
  sources: JobSources,
): Promise<Job[]> {
  const { label, candidate, candidateOci, previous } = one;
  const [images, lack]: [ImagesByRole, { unavailable?: BootgateError }] =
    found instanceof BootgateError ? [{}, { unavailable: found }] : [found, {}];
  const machines = await machinesOf(images, options, sources);
  const named = {
    ...options,
    matrix: undefined,
    candidate,
    ...(candidateOci === undefined ? {} : { candidateOci }),
    ...(previous === undefined ? {} : { previous }),
  };
  return waysOf(one, images.candidate, options, sources).flatMap((way) => {
    const { how, skip } = fitCell(options, way, images.candidate, [images.previous]);
    const planned = planJobs({
      scenarios,
      images,
      ...lack,
      machines,
      buildsDisks: canMakeDisks(sources.drivers.map(({ kind }) => kind)),
      cell: { image: label, ...(way === null ? {} : { disk: way.name }) },
      disks: way === null ? undefined : sources.disksFor?.(how),
      repeatOptions: [...imageWords(named), ...diskWords(how)],
    });
    const fitting = planned.map((job) => ({ ...job, skip: job.skip ?? skip }));
    const jobs = withLiveMedia(fitting, how);
    return withKickstartCommands(jobs, { how, disksFor: sources.disksFor });
  });
}

/** How an image gets its disk; null: as it is without a matrix. What has a disk, or installs none, is booted as it is, once. */
function waysOf(
  { label }: MatrixImage,
  candidate: Image | undefined,
  options: DiskOptions,
  { matrix, say }: JobSources,
): readonly (MatrixDisk | null)[] {
  const disks = matrix?.disks ?? [];
  if (disks.length === 0) return [null];
  if (candidate === undefined) return disks;
  const ways = disks.map(({ name }) => name).join(", ");
  if (candidate.disk !== null)
    say(`${label} has a disk, so it is booted from that and is not installed by ${ways}.`);
  else if (disks.every((way) => installsNothing(candidate, { ...options, ...way.options })))
    say(`${label} is a live medium, so it is booted as it is and is not installed by ${ways}.`);
  else return disks;
  return [null];
}

async function machinesOf(
  images: ImagesByRole,
  options: SelectionOptions,
  { matrix, drivers }: JobSources,
): Promise<MachineChoice[]> {
  const all = Object.values(images).filter((image) => image !== undefined);
  const tpm = await askedTpm(options);
  const hardware = {
    tpm,
    memoryMiB: memoryFor(options, all),
    cpus: guestCpus,
    network: options.network,
  };
  const named = (matrix?.machines ?? []).filter(
    ({ architecture }) => architecture === options.architecture,
  );
  const wished = { ...hardware, architecture: options.architecture };
  if (named.length === 0) return machineChoices(drivers, all, options.firmware, wished);
  const choices = named.map(({ driver, firmware, ...own }) =>
    machineChoices(
      drivers.filter(({ kind }) => kind === driver),
      all,
      [firmware],
      { ...wished, tpm: tpmOfMachine(own.tpm, tpm) },
    ),
  );
  return (await Promise.all(choices)).flat();
}
