/**
 * Images in folders of this host: `dir:` (containers-transports(5)), and what an OCI layout holds under no tag or behind
 * an index. Their blobs are copied into the store and hashed on the way; no program is needed for it.
 */
import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { copyFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { syncPath } from "../../harness/base/draft.ts";
import { UsageError } from "../../harness/base/errors.ts";
import { pump } from "../../harness/base/pump.ts";
import { asDigest, type Digest } from "../../harness/base/units.ts";
import { openFailure, readSmallFile } from "../../harness/config/read-small-file.ts";
import { blobPath, listLayout, type OciImageFacts, readOciImage } from "./oci-layout.ts";
import {
  architectureOfConfig,
  type Blob,
  chooseInstance,
  digestOfBytes,
  indexFacts,
  type Manifest,
  readManifest,
} from "./platform.ts";
import type { FetchOptions, FoundOci } from "./pull.ts";

const maxDocumentBytes = 4 * 1024 * 1024;

/** An image that a layout holds. Where its tag names one manifest it is used where it lies, else copied into the store. */
export async function openLayout(
  layout: string,
  tag: string | null,
  name: string,
  options: () => Promise<FetchOptions>,
): Promise<FoundOci> {
  const entries = await listLayout(layout);
  const named = entries.filter((entry) => tag === null || entry.tag === tag);
  const digests = [...new Set(named.map(({ digest }) => digest))];
  const [only] = named;
  if (tag === null && (only === undefined || digests.length > 1)) {
    const tags = entries.flatMap((entry) => entry.tag ?? []);
    const what = only === undefined ? "is empty" : `holds ${digests.length} images`;
    throw new UsageError(`The OCI layout '${layout}' ${what}; expected oci:DIR:TAG.`, {
      details: { tags: tags.slice(0, 50).join(", ") || "none" },
    });
  }
  const inPlace = tag ?? only?.tag ?? null;
  if (only === undefined || (inPlace !== null && !only.isIndex)) {
    const facts = await readOciImage(layout, inPlace ?? "");
    readManifest(facts.manifest, name);
    return { facts, notes: [] };
  }
  const source: Folder = {
    name,
    manifestPath: blobPath(layout, only.digest),
    pathOf: (digest) => blobPath(layout, digest),
    instancePath: (digest) => blobPath(layout, digest),
  };
  return copyFolder(source, await options());
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
      pathOf: hexPath,
      instancePath: (digest) => `${hexPath(digest)}.manifest.json`,
    },
    options,
  );
}

interface Folder {
  readonly name: string;
  readonly manifestPath: string;
  readonly pathOf: (digest: Digest) => string;
  /** Where the manifest is that an index names. */
  readonly instancePath: (digest: Digest) => string;
}

async function copyFolder(folder: Folder, options: FetchOptions): Promise<FoundOci> {
  const { manifest, index } = await readManifestOf(folder, options);
  const facts = await storedImage(folder, manifest, options);
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
  { name, manifestPath, instancePath }: Folder,
  { architecture }: FetchOptions,
): Promise<{ readonly manifest: Manifest; readonly index: Digest | null }> {
  const document = readManifest(await readDocument(manifestPath, null), name);
  if (document.kind === "manifest") return { manifest: document, index: null };
  const { digest } = chooseInstance(document, architecture, name);
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
  const hash = createHash("sha256");
  await pump(createReadStream(target), hash, signal);
  if (asDigest(`sha256:${hash.digest("hex")}`) !== digest) throw damaged(path, digest);
  await syncPath(target);
  await rename(target, store.blobPath(digest));
}
