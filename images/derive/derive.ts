/**
 * One image is enough: what stories need besides the candidate (the image that users have today, the one after it, a bad
 * update) is made of the candidate where nobody named it. A derived image is the candidate and one small layer, so a
 * registry and a guest that have the candidate have all but some kilobytes of it.
 */
import { createHash } from "node:crypto";
import { copyFile, mkdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { BootgateError, type HostUnfit, messageOf, UsageError } from "../../harness/base/errors.ts";
import { noSpaceIn } from "../../harness/base/no-space.ts";
import { Shelf } from "../../harness/base/shelf.ts";
import type { Digest } from "../../harness/base/units.ts";
import { waitWords } from "../../harness/base/wait-words.ts";
import type { DerivedKind, Image, ImageChange } from "../image.ts";
import {
  blobPath,
  layoutForm,
  type OciImageFacts,
  readImageConfig,
  readOciImage,
} from "../origins/oci-layout.ts";
import { type DerivedDocuments, deriveDocuments } from "./documents.ts";
import { type ImageRunner, type InsideLayer, insideLayer } from "./inside-layer.ts";
import { type Recipe, recipeOfChange, recipeOfKind, ruleNumber, rules } from "./rules.ts";
import { requireOpen } from "./sealed.ts";

export interface DeriveOptions {
  /** Derived images are kept below it, in `derived`. */
  readonly cacheDir: string;
  readonly signal: AbortSignal;
  readonly onProgress?: ((line: string) => void) | undefined;
}

const schema = z.strictObject({ version: z.literal(1) });

/** Roles that a derived image can play, in the order of their versions. */
export const derivedKinds = Object.keys(rules) as readonly DerivedKind[];

/**
 * The image of this kind that belongs to a candidate. It has no disk; it follows what the candidate follows. Throws
 * UsageError for a candidate without an OCI image, or with one that is damaged, SealedImage for one that takes no layer; HostUnfit where the cache cannot be
 * written to.
 */
export async function deriveImage(
  image: Image,
  kind: DerivedKind,
  options: DeriveOptions,
): Promise<Image> {
  const { from, ...derived } = await derive(image, recipeOfKind(kind), options);
  return {
    ...derived,
    notes: [
      `It ${rules[kind].words}. No image was named for the role '${kind}', so it was made of '${image.name}' (${from}) by one small layer more.`,
    ],
  };
}

/**
 * The image with a change, for a story that asks for it. Throws as `deriveImage` does, TypeError for what is not a change, and for a change
 * from inside (`packages`, `run`) what the runner throws.
 */
export async function changeImage(
  image: Image,
  change: ImageChange,
  options: DeriveOptions & {
    readonly runner?: ImageRunner | undefined;
    /** Where evidence of a change from inside goes. */
    readonly directory: string;
  },
): Promise<Image> {
  const recipe = recipeOfChange(change);
  const { from: _, ...derived } = await derive(image, recipe, {
    ...options,
    inside: (facts) => insideLayer({ ...image, image: facts, change }, options),
  });
  return derived;
}

/** What lies in an image's layout, which is what was resolved. Throws UsageError for a disk, and where another image is there by now. */
async function stillThere(image: Image): Promise<OciImageFacts> {
  if (image.oci === null) {
    throw new UsageError(
      `The image '${image.name}' is only a disk; no image can be derived of it.`,
    );
  }
  const candidate = await readOciImage(image.oci.layout, image.oci.tag);
  if (candidate.digest !== image.manifest) {
    throw new UsageError(`The image '${image.name}' changed after it was resolved.`, {
      details: { expected: image.manifest ?? undefined, got: candidate.digest },
    });
  }
  return candidate;
}

async function derive(
  image: Image,
  recipe: Recipe,
  {
    cacheDir,
    signal,
    onProgress = () => undefined,
    inside = async () => null,
  }: DeriveOptions & { readonly inside?: (facts: OciImageFacts) => Promise<InsideLayer | null> },
): Promise<Image & { readonly from: Digest }> {
  const candidate = await stillThere(image);
  const { name } = image;
  // What was derived already was of an image that was asked.
  if (image.derivedFrom === undefined)
    await requireOpen(candidate, {
      ...{ name, cacheDir, signal, onProgress },
      onWait: (holder) => onProgress(waitWords(holder, `looks at the kernel of '${name}'`)),
    });
  const between = await inside(candidate);
  const documents = deriveDocuments({
    recipe,
    between: between === null ? [] : [between],
    digest: candidate.digest,
    mediaType: candidate.mediaType,
    manifest: JSON.parse(Buffer.from(candidate.manifest).toString("utf8")),
    config: await readImageConfig(candidate),
  });
  const { digest } = documents.manifest;
  const shelf = new Shelf({ cacheDir, name: "derived", schema });
  const where = await realpath(candidate.layout);
  const key = createHash("sha256").update(JSON.stringify([ruleNumber, recipe.name, digest, where]));
  const { path: layout } = await shelf
    .provide(key.digest("hex"), {
      what: `the image derived from '${image.name}'`,
      signal,
      onWait: (holder) => onProgress(waitWords(holder, `derives an image of '${image.name}'`)),
      fill: async (draft) => {
        await writeLayout(draft, recipe.name, candidate, documents);
        if (between !== null) await copyFile(between.path, blobPath(draft, between.digest));
        return { version: 1 };
      },
    })
    .catch((error: unknown) => {
      signal.throwIfAborted();
      if (error instanceof BootgateError) throw error;
      throw unwritable(image, cacheDir, error);
    });
  return {
    name: `${image.name} (derived: ${recipe.name})`,
    digest,
    manifest: digest,
    architecture: image.architecture,
    disk: null,
    oci: layoutForm({ ...candidate, layout, tag: recipe.name, config: documents.config }),
    follows: image.follows,
    standIns: image.standIns,
    ...(image.secureBootKeys === undefined ? {} : { secureBootKeys: image.secureBootKeys }),
    derivedFrom: candidate.digest,
    from: candidate.digest,
  };
}

const unwritable = (image: Image, cacheDir: string, error: unknown): HostUnfit =>
  noSpaceIn(
    cacheDir,
    `The image derived from '${image.name}' cannot be written to the cache.`,
    { reason: messageOf(error) },
    error,
  );

async function writeLayout(
  folder: string,
  tag: string,
  candidate: OciImageFacts,
  { manifest, config, layer }: DerivedDocuments,
): Promise<void> {
  const blobs = join(folder, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  for (const { digest } of candidate.layers) {
    // Never copied, since layers have gigabytes, and a second name for the file would keep its blocks when the store of
    // images gives it up. The candidate is in use as long as this image is, and its place is part of the key.
    await linkTo(await realpath(blobPath(candidate.layout, digest)), blobPath(folder, digest));
  }
  for (const { digest, bytes } of [layer, config, manifest]) {
    // Not through a link: what has that name in the candidate would be written over.
    await rm(blobPath(folder, digest), { force: true });
    await writeFile(blobPath(folder, digest), bytes, { flag: "wx" });
  }
  await writeFile(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const { mediaType, digest, bytes } = manifest;
  const annotations = { "org.opencontainers.image.ref.name": tag };
  const entry = { mediaType, digest, size: bytes.length, annotations };
  await writeFile(
    join(folder, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [entry] }),
  );
}

/** An image may have one layer twice. */
const linkTo = (source: string, target: string): Promise<void> =>
  symlink(source, target).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
