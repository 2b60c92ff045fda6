/**
 * The catalogue: images that have a name, so that a command line, a policy and a report can all speak of the same one.
 * People may bring their own; paths in it are relative to the file itself.
 */
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { loadYaml } from "../harness/config/load-yaml.ts";
import { transportWords } from "./origins/image-name.ts";

const word = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]*$/, "expected small letters, digits, '.', '_' and '-'")
  .max(100);

const common = {
  summary: z.string().optional().describe("One sentence for `images list`"),
  architecture: z.enum(["x86_64", "aarch64"]),
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
  versions: z.array(word).min(1),
});

const filesEntry = z
  .strictObject({
    kind: z.literal("files").describe("At hand as a disk file, an OCI image layout, or both"),
    ...common,
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
    digest: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/, "expected sha256: and 64 hex digits")
      .optional()
      .describe("What the image has to be: the manifest's digest where there is an OCI image"),
  })
  .refine((entry) => entry.disk !== undefined || entry.oci !== undefined, {
    message: "expected 'disk' or 'oci' or both",
  });

export const catalogueSchema = z.strictObject({
  images: z.record(
    word.refine(
      (name) => !transportWords.includes(name),
      "the name of a transport cannot be the name of an image; choose another",
    ),
    z.discriminatedUnion("kind", [builtEntry, filesEntry]),
  ),
});

export type CatalogueEntry = z.output<typeof catalogueSchema>["images"][string];
export type BuiltEntry = Extract<CatalogueEntry, { kind: "reference" }>;
export type FilesEntry = Extract<CatalogueEntry, { kind: "files" }>;

export interface Catalogue {
  /** The file it was read from. */
  readonly path: string;
  /** What relative paths in it start from. */
  readonly directory: string;
  readonly images: Readonly<Record<string, CatalogueEntry>>;
}

/** Reads a catalogue. Throws one UsageError with all that is wrong in it, by line. */
export async function loadCatalogue(path: string): Promise<Catalogue> {
  const { images } = await loadYaml(path, catalogueSchema);
  return { path, directory: dirname(resolve(path)), images };
}

/** Every name that the catalogue resolves, in its order. */
export const imageNames = (catalogue: Catalogue): readonly string[] =>
  Object.entries(catalogue.images).flatMap(([name, entry]) =>
    entry.kind === "reference" ? entry.versions.map((version) => `${name}:${version}`) : [name],
  );

/** JSON schema for editors; written to docs/schema/catalogue.schema.json. */
export function catalogueJsonSchema(): unknown {
  return {
    title: "bootgate image catalogue",
    ...z.toJSONSchema(catalogueSchema, { io: "input", unrepresentable: "any" }),
  };
}
