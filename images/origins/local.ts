/**
 * Images in folders of this host: `dir:` (containers-transports(5)), and what an OCI layout holds under no tag or behind
 * an index. Their blobs are copied into the store and hashed on the way; no program is needed for it.
 */
import { constants } from "node:fs";
import { copyFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { syncPath } from "../../harness/base/draft.ts";
import { UsageError } from "../../harness/base/errors.ts";
import { hashFile } from "../../harness/base/hash-file.ts";
import type { Digest } from "../../harness/base/units.ts";
import { openFailure, readSmallFile } from "../../harness/config/read-small-file.ts";
import type { Architecture } from "../image.ts";
import {
  blobPath,
  type LayoutEntry,
  listLayout,
  type OciImageFacts,
  readOciImage,
} from "./oci-layout.ts";
import {
  architectureOfConfig,
  type Blob,
  chooseInstance,
  digestOfBytes,
  indexFacts,
  isFor,
  type Manifest,
  readManifest,
  requireListed,
} from "./platform.ts";
import type { FetchOptions, FoundOci } from "./pull.ts";

const maxDocumentBytes = 4 * 1024 * 1024;

/** What of a layout is meant: all that is known of it besides its folder. */
export interface LayoutWish {
  readonly tag: string | null;
  /** The digest of an image in it, or of an index. */
  readonly pin: Digest | null;
  /** Of the machine: which of several images, one for each platform. */
  readonly architecture: Architecture;
}

/** An image that a layout holds. Where its tag names one manifest it is used where it lies, else copied into the store. */
export async function openLayout(
  layout: string,
  wish: LayoutWish,
  name: string,
  options: () => Promise<FetchOptions>,
): Promise<FoundOci> {
  const entries = await listLayout(layout);
  const { tag } = wish;
  // It says which tags there are.
  if (tag !== null && entries.every((entry) => entry.tag !== tag)) await readOciImage(layout, tag);
  const chosen = await chooseEntry(layout, entries, wish, name);
  if (chosen.tag !== null && !chosen.isIndex && isAlone(chosen, entries)) {
    const facts = await readOciImage(layout, chosen.tag);
    readManifest(facts.manifest, name);
    requireListed(chosen.listed, facts, name);
    return { facts, notes: chosen.notes };
  }
  const source: Folder = {
    name,
    manifestPath: blobPath(layout, chosen.digest),
    manifestDigest: chosen.digest,
    pathOf: (digest) => blobPath(layout, digest),
    instancePath: (digest) => blobPath(layout, digest),
  };
  const found = await copyFolder(source, await options());
  requireListed(chosen.listed, found.facts, name);
  return { ...found, notes: [...found.notes, ...chosen.notes] };
}

/** Whether a tag stands for one image, so that the layout can be read by it. */
const isAlone = (chosen: Chosen, entries: readonly LayoutEntry[]): boolean =>
  entries.every(({ tag, digest }) => tag !== chosen.tag || digest === chosen.digest);

type Chosen = Pick<LayoutEntry, "digest" | "tag" | "isIndex"> & {
  readonly notes: readonly string[];
  /** What the layout says of it, where it was chosen by that. */
  readonly listed: { readonly by: "layout"; readonly architecture: Architecture } | null;
};

/** The entry of a layout that is meant. Throws UsageError where that is not one, with what there is. */
async function chooseEntry(
  layout: string,
  entries: readonly LayoutEntry[],
  { tag, pin, architecture }: LayoutWish,
  name: string,
): Promise<Chosen> {
  const named = entries.filter((entry) => tag === null || entry.tag === tag);
  if (pin !== null) return pinned(layout, named, pin, name);
  const digests = new Set(named.map(({ digest }) => digest));
  const [only] = named;
  if (only !== undefined && digests.size === 1) return { ...only, notes: [], listed: null };
  const fitting = new Set(
    named.filter((entry) => isFor(entry, architecture)).map(({ digest }) => digest),
  );
  // As image-spec's image-layout.md has it in its example: a manifest for each platform.
  if (named.length > 0 && named.every((one) => one.platform !== undefined) && fitting.size < 2) {
    const { digest } = chooseInstance({ instances: named }, architecture, name);
    const found = named.find((entry) => entry.digest === digest);
    const note = `The layout has an image for each platform: the one for ${architecture} is what is tested.`;
    if (found !== undefined)
      return { ...found, notes: [note], listed: { by: "layout", architecture } };
  }
  if (only === undefined)
    throw new UsageError(
      `The OCI layout '${layout}' is empty: its index.json does not name any image.`,
    );
  const tags = entries.flatMap((entry) => entry.tag ?? []);
  const expected = tags.length > 0 ? "oci:DIR:TAG" : "oci:DIR@sha256:…";
  throw new UsageError(
    `The OCI layout '${layout}' holds ${digests.size} images; expected ${tag === null ? expected : "oci:DIR@sha256:…"}.`,
    {
      details: {
        tags: tags.slice(0, 50).join(", ") || "none",
        digests: [...digests].slice(0, 20).join("\n") || undefined,
      },
    },
  );
}

/** What has this digest: an entry, or an image of an index among them. */
async function pinned(
  layout: string,
  named: readonly LayoutEntry[],
  pin: Digest,
  name: string,
): Promise<Chosen> {
  const found = named.find(({ digest }) => digest === pin);
  if (found !== undefined) return { ...found, notes: [], listed: null };
  for (const { digest } of named.filter(({ isIndex }) => isIndex)) {
    const document = readManifest(await readDocument(blobPath(layout, digest), digest), name);
    const instances = document.kind === "index" ? document.instances : [];
    if (instances.some((one) => one.digest === pin))
      return { digest: pin, tag: null, isIndex: false, notes: [], listed: null };
  }
  const there = [...new Set(named.map(({ digest }) => digest))];
  throw new UsageError(`The OCI layout '${layout}' does not hold '${pin}'.`, {
    details: { digests: there.slice(0, 20).join("\n") || "none" },
  });
}

/** The image of a `dir:` folder: `manifest.json`, and each blob in a file named by its hex digits. */
export function openDirectory(
  directory: string,
  name: string,
  options: FetchOptions,
): Promise<FoundOci> {
  const hexPath = (digest: Digest): string => join(directory, digest.slice("sha256:".length));
  return copyFolder(
    {
      name,
      manifestPath: join(directory, "manifest.json"),
      manifestDigest: null,
      pathOf: hexPath,
      instancePath: (digest) => `${hexPath(digest)}.manifest.json`,
    },
    options,
  );
}

interface Folder {
  readonly name: string;
  readonly manifestPath: string;
  /** What it has to be; null: nothing says. */
  readonly manifestDigest: Digest | null;
  readonly pathOf: (digest: Digest) => string;
  /** Where the manifest is that an index names. */
  readonly instancePath: (digest: Digest) => string;
}

async function copyFolder(folder: Folder, options: FetchOptions): Promise<FoundOci> {
  const { manifest, index } = await readManifestOf(folder, options);
  const facts = await storedImage(folder, manifest, options);
  const { architecture } = options;
  requireListed(index === null ? null : { by: "index", architecture }, facts, folder.name);
  return { facts, ...indexFacts(index, options.architecture) };
}

async function storedImage(
  folder: Folder,
  manifest: Manifest,
  options: FetchOptions,
): Promise<OciImageFacts> {
  const { store } = options;
  const { name } = folder;
  const { digest, config, layers } = manifest;
  const known = await store.take(digest, name);
  if (known !== null) return known;
  await using _lock = await store.lockFor(digest, name);
  architectureOfConfig(await readDocument(folder.pathOf(config.digest), config.digest), name);
  await using draft = await store.draft([digest, ...[config, ...layers].map((one) => one.digest)]);
  const missing = await store.missing([config, ...layers]);
  await store.makeRoom(
    missing.reduce((sum, { size }) => sum + size, 0),
    name,
  );
  options.onProgress(`Copying '${name}' into the cache.`);
  for (const blob of missing) {
    await copyBlob(folder.pathOf(blob.digest), blob, draft.path, options);
  }
  return await store.commit(manifest, name);
}

async function readManifestOf(
  { name, manifestPath, manifestDigest, instancePath }: Folder,
  { architecture }: FetchOptions,
): Promise<{ readonly manifest: Manifest; readonly index: Digest | null }> {
  const document = readManifest(await readDocument(manifestPath, manifestDigest), name);
  if (document.kind === "manifest") return { manifest: document, index: null };
  // Of a `dir:` nothing can be had by its digest but the whole.
  const { digest } = chooseInstance(document, architecture, name, manifestDigest !== null);
  const chosen = readManifest(await readDocument(instancePath(digest), digest), name);
  if (chosen.kind === "manifest") return { manifest: chosen, index: document.digest };
  throw new UsageError(`'${name}' is an index of indexes; expected one of images.`);
}

async function readDocument(path: string, expected: Digest | null): Promise<Uint8Array> {
  const bytes = await readSmallFile(path, {
    what: "document of an image",
    maxBytes: maxDocumentBytes,
  });
  if (expected !== null && digestOfBytes(bytes) !== expected) throw damaged(path, expected);
  return bytes;
}

const damaged = (path: string, expected: Digest): UsageError =>
  new UsageError(`The blob '${path}' is not what its name says: the image is damaged.`, {
    details: { expected },
  });

async function copyBlob(
  path: string,
  { digest }: Pick<Blob, "digest">,
  draft: string,
  { store, signal }: FetchOptions,
): Promise<void> {
  const target = join(draft, digest.slice("sha256:".length));
  // A file system that can lend blocks does (ioctl_ficlone(2)).
  await copyFile(path, target, constants.COPYFILE_FICLONE).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOSPC" || error.code === "EDQUOT") throw error;
    throw new UsageError(`The blob '${path}' ${openFailure(error)}.`, { cause: error });
  });
  if ((await hashFile(target, signal)) !== digest) throw damaged(path, digest);
  await syncPath(target);
  await rename(target, store.blobPath(digest));
}
