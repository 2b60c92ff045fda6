/** `--matrix`: which images are run together, on which machines, installed in which ways; a group of a catalogue, or a file. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { kickstartCommands, kickstartLayouts } from "../../../fixtures/kickstart.ts";
import { type Catalogue, groupWord } from "../../../images/catalogue.ts";
import { supportedArchitectures } from "../../../images/image.ts";
import { UsageError } from "../../base/errors.ts";
import { maskSecrets } from "../../base/secrets.ts";
import { loadYaml } from "../../config/load-yaml.ts";
import { didYouMean } from "../../config/nearest.ts";
import type { Firmware } from "../../machine/machine.ts";
import { builderNames } from "../../states/build/builder.ts";
import { backends, bootLoaders, fileSystems, smallestDiskMiB } from "../../states/build/recipe.ts";
import { installerBoots } from "../../states/install/installer-machine.ts";
import type { DiskOptions } from "./disk-options.ts";
import { type DriverName, driverNames } from "./drivers.ts";
import { payloads } from "./install-options.ts";

const firmwareKinds = ["uefi", "bios", "uefi-secure-boot"] as const satisfies readonly Firmware[];

const name = z.string().min(1).max(500);
const label = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$/, "expected letters, digits, '.', '_' and '-'");

const namedImage = z.strictObject({
  candidate: name.describe("As --candidate takes it; paths start from where bootgate runs"),
  candidateOci: name
    .optional()
    .describe("As --candidate-oci: the image of the disk, or what the installer ISO installs"),
  previous: name.optional().describe("As --previous takes it; left out: derived of the candidate"),
  label: label.optional().describe("What its column and its jobs are called; left out: its name"),
});

const machine = z.strictObject({
  driver: z.enum(driverNames as readonly [DriverName, ...DriverName[]]).default("qemu"),
  architecture: z
    .enum(supportedArchitectures)
    .optional()
    .describe("Which image of an index is run on it; left out: what --architecture says"),
  firmware: z.enum(firmwareKinds),
  tpm: z
    .boolean()
    .optional()
    .describe("Whether it has a TPM 2.0; left out: what --tpm and --tpm-state say"),
});

const disk = z.strictObject({
  name: label.describe("What the column and the jobs are called by, beside the image"),
  builder: z.enum(builderNames).optional(),
  filesystem: z.enum(fileSystems).optional(),
  backend: z.enum(backends).optional(),
  bootloader: z.enum(bootLoaders).optional(),
  kernelArguments: z.array(z.string().min(1)).optional().describe("As --karg"),
  sizeMiB: z.number().int().min(smallestDiskMiB).optional(),
  kickstartCommand: z
    .enum(kickstartCommands)
    .optional()
    .describe("Of the kickstart that is made for an installer ISO"),
  kickstartLayout: z.enum(kickstartLayouts).optional(),
  installerBoot: z.enum(installerBoots).optional().describe("How an installer ISO is started"),
  payload: z.enum(payloads).optional().describe("Where an installer ISO has its image from"),
});

export const matrixSchema = z.strictObject({
  version: z.literal(1),
  images: z
    .array(z.union([name, namedImage]))
    .min(1)
    .describe("Names as --candidate takes them, catalogue:GROUP, or one with its previous image"),
  machines: z
    .array(machine)
    .min(1)
    .optional()
    .describe("Left out: what --machine and --firmware say"),
  disks: z
    .array(disk)
    .min(1)
    .optional()
    .describe("Ways of installing an image that has no disk; left out: what the command line says"),
});

export interface MatrixImage {
  readonly label: string;
  readonly candidate: string;
  readonly candidateOci?: string;
  readonly previous?: string;
}

export interface MatrixDisk {
  readonly name: string;
  readonly options: DiskOptions;
}

export type MatrixMachine = z.output<typeof machine>;

export interface Matrix {
  readonly images: readonly MatrixImage[];
  /** Empty: what the command line says. */
  readonly machines: readonly MatrixMachine[];
  /** Empty: what the command line says. */
  readonly disks: readonly MatrixDisk[];
}

/** Options that name images by themselves, and so do not go with a matrix. */
const ownWords = [
  ["candidate", "--candidate"],
  ["candidateOci", "--candidate-oci"],
  ["candidateChecksum", "--candidate-checksum"],
  ["previous", "--previous"],
  ["previousOci", "--previous-oci"],
  ["previousChecksum", "--previous-checksum"],
  ["keyring", "--keyring"],
] as const;

export type MatrixOptions = Readonly<
  Partial<Record<"matrix" | (typeof ownWords)[number][0], string | undefined>>
>;

/** Reads what `--matrix` names; null where it is not given. Throws UsageError for all that is wrong in it. */
export async function readMatrix(
  options: MatrixOptions,
  catalogues: () => Promise<readonly Catalogue[]>,
): Promise<Matrix | null> {
  const { matrix: named } = options;
  if (named === undefined) return null;
  const given = ownWords.flatMap(([key, word]) => (options[key] === undefined ? [] : [word]));
  if (given.length > 0)
    throw new UsageError(
      `The images are named by --matrix, so ${given.join(" and ")} says nothing.`,
    );
  if (named.startsWith(`${groupWord}:`)) {
    const images = imagesOfGroup(named, await catalogues());
    return {
      images: labelled(images.map((candidate) => ({ candidate }))),
      machines: [],
      disks: [],
    };
  }
  const file = await loadYaml(named, matrixSchema);
  const images: z.output<typeof namedImage>[] = [];
  for (const image of file.images) {
    if (typeof image !== "string") images.push(image);
    else if (!image.startsWith(`${groupWord}:`)) images.push({ candidate: image });
    else
      for (const one of imagesOfGroup(image, await catalogues())) images.push({ candidate: one });
  }
  const disks = (file.disks ?? []).map(({ name: called, kernelArguments, sizeMiB, ...rest }) => ({
    name: called,
    options: withoutAbsent({ ...rest, karg: kernelArguments, diskSize: sizeMiB }),
  }));
  refuseDoubles(
    "ways of installing",
    disks.map((one) => one.name),
  );
  return { images: labelled(images), machines: file.machines ?? [], disks };
}

const withoutAbsent = (
  options: { readonly [K in keyof DiskOptions]: DiskOptions[K] | undefined },
) =>
  Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as DiskOptions;

/** The names of `catalogue:GROUP`. Throws UsageError for a group that there is not. */
export function imagesOfGroup(named: string, catalogues: readonly Catalogue[]): readonly string[] {
  const group = named.slice(groupWord.length + 1);
  const known = [...new Set(catalogues.flatMap(({ groups = {} }) => Object.keys(groups)))];
  const found = catalogues.find(({ groups = {} }) => Object.hasOwn(groups, group));
  const images = found?.groups?.[group];
  if (images !== undefined) return images;
  throw new UsageError(
    `The catalogue does not have a group '${group.slice(0, 100)}'${didYouMean(group, known)}`,
    { details: { groups: known.join(", ") } },
  );
}

/** Longer labels are cut, and told apart by a hash of the whole name. */
const maxLabel = 60;

/** What an image is called in the ids of its jobs: of its name alone, so that the next run calls it the same. */
export function labelOf(text: string): string {
  const shown = maskSecrets(text);
  const plain = shown.replace(/[^A-Za-z0-9._]+/g, "-").replace(/^[-._]+|[-._]+$/g, "") || "image";
  if (plain.length <= maxLabel) return plain;
  const hash = createHash("sha256").update(shown).digest("hex").slice(0, 8);
  return `${plain.slice(-(maxLabel - 9)).replace(/^[-._]+/, "")}-${hash}`;
}

function labelled(images: readonly z.output<typeof namedImage>[]): MatrixImage[] {
  const all = images.map(({ candidate, candidateOci, previous, label: called }) => ({
    candidate,
    ...(candidateOci === undefined ? {} : { candidateOci }),
    label: called ?? labelOf(candidate),
    ...(previous === undefined ? {} : { previous }),
  }));
  refuseDoubles(
    "images",
    all.map((one) => one.label),
  );
  return all;
}

function refuseDoubles(what: string, labels: readonly string[]): void {
  const double = labels.find((one, index) => labels.indexOf(one) !== index);
  if (double === undefined) return;
  throw new UsageError(
    `Two ${what} of the matrix are called '${double}'; give each a ${what === "images" ? "label" : "name"} of its own.`,
  );
}

/** JSON schema for editors; written to docs/schema/matrix.schema.json. */
export function matrixJsonSchema(): string {
  const schema = z.toJSONSchema(matrixSchema, { io: "input", unrepresentable: "any" });
  return `${JSON.stringify({ title: "bootgate matrix", ...schema }, null, 2)}\n`;
}
