/**
 * The disk of an image that is at hand as an OCI image alone, made once by a builder and kept on a shelf of the cache. Its
 * key is what goes into it: the image's manifest, the recipe, and the builder's own revision.
 */
import { createHash } from "node:crypto";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { consoleWords, type DiskImage, type Image } from "../../images/image.ts";
import { inspectDisk } from "../../images/inspect/disk.ts";
import { type OciImageFacts, readOciImage } from "../../images/origins/oci-layout.ts";
import { type Deviation, deviation } from "../base/deviations.ts";
import { CannotTell, HostUnfit, UsageError } from "../base/errors.ts";
import { fileStamp, noteWhole } from "../base/file-stamp.ts";
import { hashFile } from "../base/hash-file.ts";
import { type Held, Shelf } from "../base/shelf.ts";
import { asDigest, isDigest } from "../base/units.ts";
import type { ServiceAddress } from "../machine/machine.ts";
import { type BuildResult, builderNames, type DiskBuilder } from "./build/builder.ts";
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
  builder: z.enum(builderNames),
  installer: z.string(),
  command: z.string(),
  filesystem: z.string(),
});
export type BuiltDisk = z.output<typeof builtDisk>;

type OciPlace = NonNullable<Image["oci"]>;

export interface DisksOptions {
  readonly cacheDir: string;
  readonly builder: DiskBuilder;
  readonly wish: RecipeWish;
  /** Where guests find the harness's registry: what a disk follows whose image does not come from a registry. */
  readonly registry: ServiceAddress;
}

/** What an image's disk is made of. */
interface Plan {
  readonly key: string;
  readonly facts: OciImageFacts;
  readonly recipe: DiskRecipe;
}

/** The disks of a run. Disposing lets go of them, so that another run may evict them. */
export class Disks implements AsyncDisposable {
  readonly #options: DisksOptions;
  readonly #shelf: Shelf<BuiltDisk>;
  readonly #plans = new Map<string, Promise<Plan>>();
  readonly #held = new Map<string, Held<BuiltDisk>>();

  constructor(options: DisksOptions) {
    this.#options = options;
    const { cacheDir } = options;
    this.#shelf = new Shelf({ cacheDir, name: "built-disks", schema: builtDisk });
  }

  /** The state that makes an image's disk; null for an image that has one, or that is not an OCI image either. */
  async stateOf(image: Image): Promise<State | null> {
    if (image.disk !== null || image.oci === null) return null;
    const { builder } = this.#options;
    const plan = await this.#planOf(image, image.oci);
    const { key, facts } = plan;
    return {
      key,
      title: `the disk of ${image.name}`,
      name: "disk",
      isNeeded: true,
      cost: builder.cost(facts),
      limitMs: builder.limitMs(facts),
      isMade: async () => (await this.#take(key)) !== null,
      lock: (signal, onWait) => this.#shelf.lock(key, { signal, onWait }),
      make: (how) => this.#make(plan, image.name, how),
    };
  }

  /** The image with its disk. Throws TypeError where its state was not made. */
  async withDisk(image: Image): Promise<Image & { readonly disk: DiskImage }> {
    const { disk, oci } = image;
    if (disk !== null) return { ...image, disk };
    if (oci === null) throw new TypeError(`'${image.name}' is not an OCI image.`);
    const { key } = await this.#planOf(image, oci);
    const found = await this.#take(key);
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
    for (const held of this.#held.values()) await held[Symbol.asyncDispose]();
    this.#held.clear();
  }

  /** An image's layout is read once: jobs ask again and again, and its blobs' digests are checked when they are used. */
  #planOf(image: Image, oci: OciPlace): Promise<Plan> {
    const { digest, manifest, follows } = image;
    const which = JSON.stringify([digest, manifest, follows, oci]);
    const known = this.#plans.get(which);
    if (known !== undefined) return known;
    const plan = this.#read(image, oci);
    this.#plans.set(which, plan);
    plan.catch(() => this.#plans.delete(which));
    return plan;
  }

  async #read(image: Image, { layout, tag }: OciPlace): Promise<Plan> {
    const { wish, registry, builder } = this.#options;
    const facts = await readOciImage(layout, tag);
    // A layout is read where it lies, and its owner may write to it meanwhile.
    if (facts.digest !== image.manifest)
      throw new HostUnfit(`The image '${image.name}' changed after it was looked at.`, {
        details: { expected: image.manifest ?? undefined, got: facts.digest },
      });
    const packedMiB = facts.layers.reduce((sum, { size }) => sum + size, 0) / 1024 ** 2;
    const recipe: DiskRecipe = {
      ...wish,
      kernelArguments: [...(wish.kernelArguments ?? consoleWords(facts.architecture))],
      sizeMiB: wish.sizeMiB ?? diskSizeFor(packedMiB),
      follows: image.follows ?? `${registry.address}:${registry.port}/os:stable`,
    };
    const key = createHash("sha256")
      .update(JSON.stringify([image.digest, recipe, builder.name, builder.revision]))
      .digest("hex");
    return { key, facts, recipe };
  }

  /** The disk of that key, kept from eviction until the run lets go of it. */
  async #take(key: string): Promise<Held<BuiltDisk> | null> {
    const known = this.#held.get(key);
    if (known !== undefined) return known;
    const found = await this.#shelf.take(key);
    return found === null ? null : this.#keep(found);
  }

  async #keep(found: Held<BuiltDisk>): Promise<Held<BuiltDisk>> {
    const known = this.#held.get(found.key);
    if (known === undefined) this.#held.set(found.key, found);
    else await found[Symbol.asyncDispose]();
    return known ?? found;
  }

  async #make({ key, facts, recipe }: Plan, name: string, how: MakeOptions): Promise<null> {
    const { builder } = this.#options;
    const shelf = this.#shelf;
    try {
      await shelf.makeRoom(builder.cost(facts).diskMiB * 1024 ** 2, how.signal);
      await using draft = await shelf.stage(key);
      const scratch = join(draft.path, "scratch");
      await mkdir(scratch);
      const target = join(scratch, "disk");
      const result = await builder.build({ name, image: facts, recipe, target, scratch }, how);
      const { sectorBytes } = await inspectBuilt(target, name, result, how.signal);
      const file = `disk.${result.format}`;
      await rename(target, join(draft.path, file));
      await rm(scratch, { recursive: true, force: true });
      const made = await shelf.publish(draft, key, {
        version: 1,
        file,
        sectorBytes,
        manifest: facts.digest,
        digest: await hashFile(join(draft.path, file), how.signal),
        recipe,
        ...result,
      });
      await this.#keep(made);
      return null;
    } catch (error) {
      throw shelf.explain(error, `the disk of '${name}'`);
    }
  }
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
