/**
 * The disk of an image that is at hand as an OCI image alone, made once by a builder and kept on a shelf of the cache. Its
 * key is what goes into it: the image's manifest, the recipe, and the builder's own revision.
 */
import { createHash } from "node:crypto";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { DiskImage, Image } from "../../images/image.ts";
import { inspectDisk } from "../../images/inspect/disk.ts";
import { hashFile } from "../../images/inspect/file-digest.ts";
import { type OciImageFacts, readOciImage } from "../../images/origins/oci-layout.ts";
import { type Deviation, deviation } from "../base/deviations.ts";
import { CannotTell, HostUnfit, UsageError } from "../base/errors.ts";
import { fileStamp, noteWhole } from "../base/file-stamp.ts";
import { Shelf } from "../base/shelf.ts";
import { asDigest, isDigest } from "../base/units.ts";
import type { ServiceAddress } from "../machine/machine.ts";
import { type BuildResult, type DiskBuilder, makerNames } from "./build/builder.ts";
import { type DiskRecipe, diskRecipe, diskSizeFor, type RecipeWish } from "./build/recipe.ts";
import type { MakeOptions, State } from "./state.ts";

const builtDisk = z.strictObject({
  version: z.literal(1),
  file: z.string(),
  format: z.enum(["qcow2", "raw"]),
  digest: z.string().refine(isDigest),
  sectorBytes: z.union([z.literal(512), z.literal(4096)]),
  /** Of the image that was installed. */
  manifest: z.string(),
  recipe: diskRecipe,
  builder: z.enum(makerNames),
  installer: z.string(),
  command: z.string(),
  filesystem: z.string(),
});
export type BuiltDisk = z.output<typeof builtDisk>;

/** Most disks are a few GiB; the newest are worth more than room. */
const limits = { count: 12, bytes: 60 * 1024 ** 3 };

export interface DisksOptions {
  readonly cacheDir: string;
  readonly builder: DiskBuilder;
  readonly wish: RecipeWish;
  /** Where guests find the harness's registry: what a disk follows whose image does not come from a registry. */
  readonly registry: ServiceAddress;
}

/** The disks of a run. Disposing lets go of them, so that another run may evict them. */
export class Disks implements AsyncDisposable {
  readonly #options: DisksOptions;
  readonly #shelf: Shelf<BuiltDisk>;
  readonly #used = new Map<string, AsyncDisposable>();

  constructor(options: DisksOptions) {
    this.#options = options;
    this.#shelf = new Shelf(join(options.cacheDir, "built-disks"), builtDisk, limits);
  }

  /** The state that makes an image's disk; null for an image that has one, or that is not an OCI image either. */
  async stateOf(image: Image): Promise<State | null> {
    if (image.disk !== null || image.oci === null) return null;
    const { builder } = this.#options;
    const facts = await readOciImage(image.oci.layout, image.oci.tag);
    // A layout is read where it lies, and whoever made it may write to it meanwhile.
    if (facts.digest !== image.manifest)
      throw new HostUnfit(`The image '${image.name}' changed after it was looked at.`, {
        details: { expected: image.manifest ?? undefined, got: facts.digest },
      });
    const recipe = this.#recipeOf(image, facts);
    const key = keyOf(image, recipe, builder);
    const shelf = this.#shelf;
    return {
      key,
      title: `the disk of ${image.name}`,
      name: "disk",
      cost: builder.cost(facts),
      limitMs: builder.limitMs,
      isMade: async () => (await this.#find(key)) !== null,
      lock: (signal) => shelf.lock(key, signal),
      make: (how) => make({ shelf, key, image, facts, recipe, builder }, how),
    };
  }

  /** The image with its disk. Throws TypeError where its state was not made. */
  async withDisk(image: Image): Promise<Image & { readonly disk: DiskImage }> {
    const { disk } = image;
    if (disk !== null) return { ...image, disk };
    if (image.oci === null) throw new TypeError(`'${image.name}' is not an OCI image.`);
    const packed = await readOciImage(image.oci.layout, image.oci.tag);
    const recipe = this.#recipeOf(image, packed);
    const found = await this.#find(keyOf(image, recipe, this.#options.builder));
    if (found === null) throw new TypeError(`The disk of '${image.name}' was not made.`);
    const { path, facts } = found;
    if (facts.manifest !== image.manifest)
      throw new TypeError(`The disk that was found is not one of '${image.name}'.`);
    const file = join(path, facts.file);
    const stamp = await fileStamp(file);
    // The builder's own qemu-img wrote it, and the shelf has looked at its size.
    noteWhole(stamp);
    const { format, sectorBytes } = facts;
    const made = { path: file, format, sectorBytes, stamp, digest: asDigest(facts.digest) };
    return { ...image, disk: { ...made, deviations: deviationsOf(facts) } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const mark of this.#used.values()) await mark[Symbol.asyncDispose]();
    this.#used.clear();
  }

  #recipeOf({ follows }: Image, { layers }: OciImageFacts): DiskRecipe {
    const { wish, registry } = this.#options;
    const packedMiB = layers.reduce((sum, { size }) => sum + size, 0) / 1024 ** 2;
    const sizeMiB = wish.sizeMiB ?? diskSizeFor(packedMiB);
    return {
      ...wish,
      sizeMiB,
      follows: follows ?? `${registry.address}:${registry.port}/os:stable`,
    };
  }

  /** Marked before it is looked for: what is found is not evicted meanwhile. */
  async #find(key: string) {
    if (!this.#used.has(key)) this.#used.set(key, await this.#shelf.use(key));
    return this.#shelf.find(key);
  }
}

const keyOf = ({ digest }: Image, recipe: DiskRecipe, { name, revision }: DiskBuilder): string =>
  createHash("sha256")
    .update(JSON.stringify([digest, recipe, name, revision]))
    .digest("hex");

interface Making {
  readonly shelf: Shelf<BuiltDisk>;
  readonly key: string;
  readonly image: Image;
  readonly facts: OciImageFacts;
  readonly recipe: DiskRecipe;
  readonly builder: DiskBuilder;
}

async function make(
  { shelf, key, image, facts, recipe, builder }: Making,
  how: MakeOptions,
): Promise<null> {
  await using staged = await shelf.stage(key);
  const scratch = join(staged.path, "scratch");
  await mkdir(scratch);
  const draft = join(scratch, "disk");
  const { name } = image;
  const result = await builder.build({ name, image: facts, recipe, target: draft, scratch }, how);
  const { sectorBytes } = await inspectBuilt(draft, name, result, how.signal);
  const file = `disk.${result.format}`;
  await rename(draft, join(staged.path, file));
  await rm(scratch, { recursive: true, force: true });
  await shelf.publish(staged.path, key, {
    version: 1,
    file,
    sectorBytes,
    manifest: facts.digest,
    digest: await hashFile(join(staged.path, file), how.signal),
    recipe,
    ...result,
  });
  return null;
}

/** An installer that says it is done and leaves no disk behind has not proved anything. */
async function inspectBuilt(
  path: string,
  name: string,
  { command }: BuildResult,
  signal: AbortSignal,
) {
  try {
    return await inspectDisk(path, { signal });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new CannotTell(`The installer of '${name}' ended well, and its disk cannot be booted.`, {
      cause: error,
      details: { command, why: error.headline },
    });
  }
}

/** What the harness chose when the disk was installed. */
function deviationsOf({ command, installer, builder, recipe }: BuiltDisk): Deviation[] {
  const added = recipe.kernelArguments.join(" ");
  return [
    deviation("disk-built", installer, builder, command),
    ...(added === "" ? [] : [deviation("disk-arguments", added)]),
  ];
}
