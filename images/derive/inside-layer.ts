/**
 * A layer that is made by running programs of the image in it: its own dnf5, or lines of a story. Where they run is the harness's
 * affair (`ImageRunner`): the image decides what they do, so it is never this host's own root. What came of it is kept on a
 * shelf, since it takes a minute or two and has times in it, so that a second one would have another digest.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { z } from "zod";
import { CannotTell, HostUnfit } from "../../harness/base/errors.ts";
import { Shelf } from "../../harness/base/shelf.ts";
import { asDigest, type Digest, isDigest } from "../../harness/base/units.ts";
import { waitWords } from "../../harness/base/wait-words.ts";
import type { ImageChange, PackageStep } from "../image.ts";
import { digestsOfKernelPackages } from "../kernel-packages.ts";
import type { OciImageFacts } from "../origins/oci-layout.ts";
import { storyPackages } from "../rpm/packages.ts";
import { provideRepository } from "../rpm/repository.ts";
import type { BuiltLayer } from "./documents.ts";
import { type TarEntry, tarOf } from "./tar.ts";

export interface InsideRequest {
  /** How the image is called in messages. */
  readonly name: string;
  readonly image: OciImageFacts;
  readonly packages: readonly PackageStep[];
  readonly run: readonly string[];
  /** A folder of the host: the repository that the packages come from. */
  readonly repository: string;
  /** A folder of the host with the packages of another kernel, by their names; absent where they are not asked for. */
  readonly kernel?: { readonly folder: string; readonly names: readonly string[] };
  /** Where the tar of what is new goes; does not exist yet. What is behind its end there does not count. */
  readonly target: string;
  /** An empty folder for what is needed on the way. */
  readonly scratch: string;
}

/**
 * Runs it, and tells what of the image is gone, relative to its root, and how long the tar is, with the padding of its end. Throws CannotTell where it did not work out: it may be the image, the
 * packages or the machine.
 */
export type ImageRunner = (
  request: InsideRequest,
  how: { readonly signal: AbortSignal; readonly directory: string },
) => Promise<{ readonly gone: readonly string[]; readonly bytes: number }>;

export interface InsideLayer extends BuiltLayer {
  /** The gzip. */
  readonly path: string;
}

/** Raise it when the same change gives another layer. */
const ruleNumber = 2;
const record = z.strictObject({
  version: z.literal(1),
  digest: z.string().refine(isDigest),
  diffId: z.string().refine(isDigest),
  size: z.number().int(),
});
const fileName = "layer.tar.gz";

/** The layer of a change that has something to run; null where it has not. Throws TypeError for what dnf5 cannot be told. */
export async function insideLayer(
  change: {
    readonly name: string;
    readonly image: OciImageFacts;
    readonly change: ImageChange;
    readonly kernelPackages?: string;
  },
  options: {
    readonly cacheDir: string;
    readonly signal: AbortSignal;
    readonly onProgress?: ((line: string) => void) | undefined;
    readonly runner?: ImageRunner | undefined;
    /** Where the runner's evidence goes. */
    readonly directory: string;
  },
): Promise<InsideLayer | null> {
  const { packages = [], run = [] } = change.change;
  if (packages.length + run.length === 0) return null;
  for (const step of packages) checkStep(step);
  const { cacheDir, signal, onProgress = () => undefined, runner } = options;
  const { name, image } = change;
  if (runner === undefined)
    throw new HostUnfit(`Nothing can be run in the image '${name}' here.`, {
      details: { "to do": "play the story with QEMU: a machine of its own runs the image's dnf5" },
    });
  const repository = await provideRepository(storyPackages, { cacheDir, signal, onProgress });
  const kernel = await kernelOf(change, signal);
  const parts = [ruleNumber, image.digest, packages, run, basename(repository)];
  const all = kernel === null ? parts : [...parts, kernel.digests];
  const shelf = new Shelf({ cacheDir, name: "package-layers", schema: record });
  const words = [...packages.map((step) => `dnf5 ${step.join(" ")}`), ...run].join("; ");
  const { path, facts } = await shelf.provide(
    createHash("sha256").update(JSON.stringify(all)).digest("hex"),
    {
      what: `the layer for '${name}'`,
      signal,
      onWait: (holder) => onProgress(waitWords(holder, `changes '${name}' from inside`)),
      fill: async (draft) => {
        onProgress(`changing '${name}' from inside: ${words.slice(0, 200)}`);
        const scratch = await mkdtemp(join(draft, "scratch-"));
        const target = join(scratch, "out.tar");
        const request = { name, image, packages, run, repository, target, scratch };
        const came = await runner(
          { ...request, ...(kernel === null ? {} : { kernel }) },
          { signal, directory: options.directory },
        );
        const made = await writeLayer(target, came, join(draft, fileName), signal);
        await rm(scratch, { recursive: true });
        return { version: 1 as const, ...made };
      },
    },
  );
  const { digest, diffId, size } = facts;
  return { digest, diffId, size, words, path: join(path, fileName) };
}

/** The packages of another kernel that a change asks for. Throws TypeError where the image has none: the plan would have said so. */
async function kernelOf(
  { name, change, kernelPackages: folder }: Parameters<typeof insideLayer>[0],
  signal: AbortSignal,
): Promise<(NonNullable<InsideRequest["kernel"]> & { readonly digests: unknown }) | null> {
  if (change.kernelPackages !== true) return null;
  if (folder === undefined)
    throw new TypeError(`Nobody named packages of another kernel for '${name}'.`);
  const digests = await digestsOfKernelPackages(folder, signal);
  return { folder, names: digests.map(([one]) => one), digests };
}

/** A name, with a version or without (dnf5-specs(7)), and nothing that could be an option. */
const nameOfPackage = /^[A-Za-z0-9][A-Za-z0-9+._-]{0,199}$/;

function checkStep([verb, ...names]: PackageStep): void {
  const isRight = names.every((name) => nameOfPackage.test(name));
  if (isRight && (verb === "swap" ? names.length === 2 : names.length > 0)) return;
  throw new TypeError(`dnf5 cannot be told '${[verb, ...names].join(" ")}'.`);
}

const block = 512;
/** GNU tar writes whole records of twenty blocks, the last two of an archive at least zeros (tar manual, 8.1). */
const recordBytes = 20 * block;

/**
 * Where an archive of so many bytes ends: at its first block of zeros (POSIX.1-2001, pax(1)). Throws CannotTell for what is not one, and for
 * one that ends elsewhere: a disk that was written and not flushed is zeros.
 */
export async function endOfTar(path: string, bytes: number, signal?: AbortSignal): Promise<number> {
  await using file = await open(path);
  const header = Buffer.alloc(block);
  let at = 0;
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(header, 0, block, at);
    const size = header.toString("latin1", 124, 136).replace(/[\0 ]+$/, "");
    if (bytesRead === block && header.every((byte) => byte === 0)) break;
    if (
      bytesRead < block ||
      !/^[0-7]{1,11}$/.test(size) ||
      header.toString("latin1", 257, 262) !== "ustar"
    )
      throw new CannotTell("What came out of a changed image is not an archive.", {
        details: { at: String(at) },
      });
    at += block + Math.ceil(Number.parseInt(size, 8) / block) * block;
  }
  const padded = Math.ceil((at + 2 * block) / recordBytes) * recordBytes;
  if (padded !== bytes)
    throw new CannotTell("What came out of a changed image is not the whole archive.", {
      details: { wrote: `${bytes} bytes`, read: `${padded} bytes` },
    });
  return at;
}

/** What is gone, as marks in the folders that it was in (image-spec, layer.md). */
export function whiteouts(gone: readonly string[]): TarEntry[] {
  return gone.map((path) => {
    const slash = path.lastIndexOf("/") + 1;
    return { kind: "file", path: `${path.slice(0, slash)}.wh.${path.slice(slash)}`, text: "" };
  });
}

/** The archive with the marks behind its entries, compressed. */
async function writeLayer(
  archive: string,
  { gone, bytes }: { readonly gone: readonly string[]; readonly bytes: number },
  target: string,
  signal: AbortSignal,
): Promise<{ readonly digest: Digest; readonly diffId: Digest; readonly size: number }> {
  const end = await endOfTar(archive, bytes, signal);
  const [packed, unpacked] = [createHash("sha256"), createHash("sha256")];
  let size = 0;
  async function* layer(): AsyncIterable<Buffer> {
    const content = end === 0 ? [] : createReadStream(archive, { end: end - 1 });
    for await (const piece of content) {
      unpacked.update(piece as Buffer);
      yield piece as Buffer;
    }
    const rest = tarOf(whiteouts(gone));
    unpacked.update(rest);
    yield rest;
  }
  async function* counted(source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    for await (const piece of source) {
      packed.update(piece);
      size += piece.length;
      yield piece;
    }
  }
  await pipeline(layer, createGzip({ level: 1 }), counted, createWriteStream(target), { signal });
  const digestOf = (hash: typeof packed): Digest => asDigest(`sha256:${hash.digest("hex")}`);
  return { digest: digestOf(packed), diffId: digestOf(unpacked), size };
}
