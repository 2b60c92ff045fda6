/**
 * The catalogue: images that have a name, so that a command line, a policy and a report can all speak of the same one.
 * People may bring their own; paths in it are relative to the file itself.
 */
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { messageOf } from "../harness/base/errors.ts";
import { loadYaml } from "../harness/config/load-yaml.ts";
import { architecture, said } from "./catalogue-words.ts";
import type { CatalogueWord } from "./image.ts";
import { liveFaults } from "./live/kinds.ts";
import { parseImageName, transportWords } from "./origins/image-name.ts";

/** Begins the name of a group: `catalogue:atomic-desktops`. */
export const groupWord = "catalogue";

const word = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]*$/, "expected small letters, digits, '.', '_' and '-'")
  .max(100);

/** distribution-spec, "Pulling manifests": what a tag may be. */
const tag = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/, "expected a tag: letters, digits, '.', '_', '-'");

const common = {
  ...said,
  follows: z
    .string()
    .min(1)
    .optional()
    .describe("The reference that an installed disk tracks, e.g. 10.0.2.100:5000/os:stable"),
  standIns: z
    .array(z.string().min(1))
    .default([])
    .describe("Programs in the image that stand in for real ones; named in every report"),
};

const builtEntry = z.strictObject({
  kind: z.literal("reference").describe("Built by bootgate: images/reference"),
  ...common,
  architectures: z.array(architecture).min(1).describe("For which it can be built"),
  edition: z
    .enum(["plain", "bootupd", "dnf5", "rpm-ostree", "podman", "secure-boot", "kernel"])
    .default("plain")
    .describe(
      "Which reference OS: 'bootupd' has the real bootupd, which takes minutes to build; 'dnf5' has RPM packages; 'rpm-ostree' a stand-in for rpm-ostree; 'podman' has the real podman; 'secure-boot' a boot loader that is signed by keys of its own",
    ),
  versions: z.array(word).min(1),
});

/** What a file has to be that an entry names, a disk or an ISO. */
const proved = {
  checksum: z
    .string()
    .min(1)
    .optional()
    .describe("What the file has to be: sha256:…, a CHECKSUM file that lists it, or its URL"),
  keyring: z
    .string()
    .min(1)
    .optional()
    .describe("File with the OpenPGP keys that may have signed the list that 'checksum' names"),
};

const hasItsList = (entry: {
  readonly checksum?: string | undefined;
  readonly keyring?: string | undefined;
}) => entry.keyring === undefined || entry.checksum !== undefined;
const keyringAlone = {
  path: ["keyring"],
  message: "a keyring is of the list that 'checksum' names",
};

const filesEntry = z
  .strictObject({
    kind: z.literal("files").describe("At hand as a disk file, an OCI image layout, or both"),
    ...common,
    architecture,
    disk: z
      .string()
      .min(1)
      .optional()
      .describe(
        "qcow2, raw, vmdk, vhd or vhdx, also as .xz .zst .gz .bz2; a path, or https://…#sha256=…",
      ),
    oci: z
      .strictObject({
        layout: z.string().min(1).describe("Folder of an OCI image layout"),
        tag: z.string().min(1),
      })
      .optional(),
    ...proved,
    digest: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/, "expected sha256: and 64 hex digits")
      .optional()
      .describe("What the image has to be: the manifest's digest where there is an OCI image"),
  })
  .refine((entry) => entry.disk !== undefined || entry.oci !== undefined, {
    message: "expected 'disk' or 'oci' or both",
  })
  .refine((entry) => entry.checksum === undefined || entry.disk !== undefined, {
    path: ["checksum"],
    message: "a checksum is of the file that 'disk' names",
  })
  .refine(hasItsList, keyringAlone);

const builtName = z
  .string()
  .regex(/^[a-z0-9._-]+:[a-z0-9._-]+$/, "expected a name such as reference:v2");

const installerEntry = z
  .strictObject({
    kind: z.literal("installer").describe("An ISO to install from, or a live medium"),
    ...common,
    architecture,
    iso: z.string().min(1).optional().describe("The ISO: a path, or https://…#sha256=…"),
    ...proved,
    carries: builtName
      .optional()
      .describe("Instead of 'iso': the version of the reference OS that bootgate builds one of"),
    live: builtName
      .optional()
      .describe(
        "Instead of 'iso': the version of the reference OS that bootgate builds a live medium of",
      ),
    fault: z
      .enum(liveFaults)
      .optional()
      .describe("What is wrong with that live medium, for tests of bootgate itself"),
  })
  .refine(
    ({ iso, carries, live }) =>
      [iso, carries, live].filter((one) => one !== undefined).length === 1,
    { message: "expected one of 'iso', 'carries' and 'live'" },
  )
  .refine(({ fault, live }) => fault === undefined || live !== undefined, {
    path: ["fault"],
    message: "only a medium that bootgate builds can have a fault",
  })
  .refine(({ checksum, iso }) => checksum === undefined || iso !== undefined, {
    path: ["checksum"],
    message: "a checksum is of the file that 'iso' names",
  })
  .refine(hasItsList, keyringAlone);

const ociEntry = z
  .strictObject({
    kind: z.literal("oci").optional().describe("An OCI image, wherever it is kept; the default"),
    ...said,
    architectures: z
      .array(architecture)
      .min(1)
      .optional()
      .describe("For which it is published; left out: not known"),
    reference: z
      .string()
      .min(1)
      .max(500)
      .describe(
        "As on the command line, its transport included: quay.io/you/os, oci:DIR, oci-archive:FILE; paths start from the catalogue",
      ),
    streams: z
      .array(tag)
      .min(1)
      .optional()
      .describe("Tags that can be named, ENTRY:STREAM; left out: the reference is whole as it is"),
    standIns: common.standIns,
  })
  .superRefine((entry, context) => {
    for (const reference of referencesOf(entry)) {
      const wrong = whyNotOci(reference);
      if (wrong === null) continue;
      context.addIssue({ code: "custom", path: ["reference"], message: wrong });
      return;
    }
  });

/** The whole references that an entry stands for. */
const referencesOf = (entry: {
  readonly reference: string;
  readonly streams?: readonly string[] | undefined;
}) => entry.streams?.map((stream) => `${entry.reference}:${stream}`) ?? [entry.reference];

function whyNotOci(reference: string): string | null {
  try {
    const { kind } = parseImageName(reference, { entries: [], names: [], isThere: false });
    if (kind !== "disk" && kind !== "catalogue") return null;
    return `'${reference}' is a disk; an entry of one has 'kind: files'`;
  } catch (error) {
    return messageOf(error).split("\n")[0] ?? "";
  }
}

export const catalogueSchema = z
  .strictObject({
    images: z.record(
      word.refine(
        (name) => ![...transportWords, groupWord].includes(name),
        "the name of a transport cannot be the name of an image, nor can 'catalogue'; choose another",
      ),
      z.discriminatedUnion("kind", [builtEntry, filesEntry, installerEntry, ociEntry]),
    ),
    groups: z
      .record(word, z.array(z.string().min(1)).min(1))
      .default({})
      .describe("Names that belong together, for `--matrix catalogue:GROUP`"),
  })
  .superRefine(({ images, groups }, context) => {
    const names = Object.entries(images).flatMap(([name, entry]) => namesOf(name, entry));
    for (const [name, entry] of Object.entries(images)) {
      if (entry.kind !== "installer") continue;
      const key = entry.live === undefined ? "carries" : "live";
      const version = entry[key];
      const [built = ""] = version?.split(":") ?? [];
      if (version === undefined) continue;
      if (images[built]?.kind === "reference" && names.includes(version)) continue;
      const message = `'${version}' is not a version of a reference OS of this catalogue`;
      context.addIssue({ code: "custom", path: ["images", name, key], message });
    }
    for (const [group, members] of Object.entries(groups))
      for (const [index, member] of members.entries())
        if (!names.includes(member))
          context.addIssue({
            code: "custom",
            path: ["groups", group, index],
            message: `'${member.slice(0, 100)}' is not a name of this catalogue`,
          });
  });

export type CatalogueEntry = z.output<typeof catalogueSchema>["images"][string];
export type BuiltEntry = Extract<CatalogueEntry, { kind: "reference" }>;
export type FilesEntry = Extract<CatalogueEntry, { kind: "files" }>;
export type InstallerEntry = Extract<CatalogueEntry, { kind: "installer" }>;
export type OciEntry = Exclude<CatalogueEntry, { kind: "reference" | "files" | "installer" }>;

export interface Catalogue {
  /** The file it was read from. */
  readonly path: string;
  /** What relative paths in it start from. */
  readonly directory: string;
  readonly images: Readonly<Record<string, CatalogueEntry>>;
  /** Names that belong together, by the group's name. */
  readonly groups?: Readonly<Record<string, readonly string[]>>;
}

/** Reads a catalogue. Throws one UsageError with all that is wrong in it, by line. */
export async function loadCatalogue(path: string): Promise<Catalogue> {
  const { images, groups } = await loadYaml(path, catalogueSchema);
  return { path, directory: dirname(resolve(path)), images, groups };
}

/** The names of one entry: `<entry>:<version>` where it has versions or streams. */
function namesOf(name: string, entry: CatalogueEntry): readonly string[] {
  const versions = versionsOf(entry);
  return versions === null ? [name] : versions.map((version) => `${name}:${version}`);
}

/** What may stand behind the colon of an entry's name; null: nothing. */
export function versionsOf(entry: CatalogueEntry): readonly string[] | null {
  if (entry.kind === "files" || entry.kind === "installer") return null;
  return entry.kind === "reference" ? entry.versions : (entry.streams ?? null);
}

/** Every name that the catalogue resolves, in its order. */
export const imageNames = (catalogue: Catalogue): readonly string[] =>
  Object.entries(catalogue.images).flatMap(([name, entry]) => namesOf(name, entry));

/** What an image carries of its entry; null where the entry says nothing that decides anything. */
export function wordOf(name: string, entry: CatalogueEntry): CatalogueWord | null {
  const { promises: promised, lacks, firmware, memoryMiB } = entry;
  const isSilent = promised.length + lacks.length === 0;
  if (isSilent && firmware === undefined && memoryMiB === undefined) return null;
  return {
    entry: name,
    promises: promised,
    lacks,
    ...(firmware === undefined ? {} : { firmware }),
    ...(memoryMiB === undefined ? {} : { memoryMiB }),
  };
}

/** JSON schema for editors; written to docs/schema/catalogue.schema.json. */
export function catalogueJsonSchema(): unknown {
  return {
    title: "bootgate image catalogue",
    ...z.toJSONSchema(catalogueSchema, { io: "input", unrepresentable: "any" }),
  };
}
