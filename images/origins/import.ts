/**
 * Images that skopeo has to take out of something: an archive, or podman's own storage. They are copied into the store
 * once. For a file the store remembers what it held, by the file's stamp; of an image in podman's storage that is told by
 * the manifest that podman keeps.
 */

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit, UsageError } from "../../harness/base/errors.ts";
import { fileStamp } from "../../harness/base/file-stamp.ts";
import type { Digest } from "../../harness/base/units.ts";
import { openFailure, readSmallFile } from "../../harness/config/read-small-file.ts";
import type { Architecture } from "../image.ts";
import { listLayout, type OciImageFacts } from "./oci-layout.ts";
import { architectureOfConfig, digestOfBytes, readManifest } from "./platform.ts";
import type { FetchOptions } from "./pull.ts";
import { copyImage, readRaw, type SkopeoOptions } from "./skopeo.ts";
import type { SkopeoSource } from "./skopeo-faults.ts";

/** Said in every report of an image whose digest no registry knows. */
const madeHere = (what: string): string =>
  `${what} keeps the layers of an image unpacked, so its digest was made by the copy and is not the one that a registry has.`;

export interface Imported {
  readonly facts: OciImageFacts;
  readonly notes: readonly string[];
}

interface Import {
  /** As a person wrote it. */
  readonly name: string;
  /** In skopeo's words. */
  readonly from: string;
  readonly source: SkopeoSource;
  /** Changes when what is there changes. */
  readonly key: string;
  readonly words: readonly string[];
  readonly bytes: number;
}

const maxDocumentBytes = 4 * 1024 * 1024;

/** `oci-archive:FILE[:TAG]` or `docker-archive:FILE[:NAME:TAG]`. Throws UsageError for one that is damaged or has no such image. */
export async function openArchive(
  archive: {
    readonly transport: "oci-archive" | "docker-archive";
    readonly path: string;
    readonly tag: string | null;
  },
  name: string,
  options: FetchOptions,
): Promise<Imported> {
  const { transport, path, tag } = archive;
  const facts = await stat(path).catch((error: unknown) => {
    throw new UsageError(`The archive '${path}' ${openFailure(error)}.`);
  });
  if (!facts.isFile()) throw new UsageError(`The archive '${path}' is not a regular file.`);
  const isOci = transport === "oci-archive";
  const imported = await importOnce(
    {
      name,
      from: `${transport}:${path}${tag === null ? "" : `:${tag}`}`,
      source: "archive",
      key: JSON.stringify([transport, await fileStamp(path), tag, options.architecture]),
      words: isOci ? ["--preserve-digests"] : [],
      bytes: facts.size,
    },
    options,
  );
  return { facts: imported, notes: isOci ? [] : [madeHere("A docker-archive")] };
}

/** An image in podman's storage of this user. Throws UsageError when it is not there, HostUnfit when it cannot be read. */
export async function openStorage(
  reference: string,
  name: string,
  options: FetchOptions,
): Promise<Imported> {
  const from = `containers-storage:${reference}`;
  const manifest = await readRaw(from, "manifest", skopeoFor(name, "storage", options));
  const config = await readRaw(from, "config", skopeoFor(name, "storage", options));
  const key = JSON.stringify(["storage", digestOfBytes(manifest), digestOfBytes(config)]);
  const facts = await importOnce(
    { name, from, source: "storage", key, words: [], bytes: 0 },
    options,
  );
  const notes = facts.digest === digestOfBytes(manifest) ? [] : [madeHere("The storage of podman")];
  return { facts, notes };
}

const skopeoFor = (name: string, source: SkopeoSource, options: FetchOptions): SkopeoOptions => ({
  access: {},
  limits: options.limits,
  signal: options.signal,
  onProgress: options.onProgress,
  context: { name, source, host: null, store: options.store.root },
});

async function importOnce(what: Import, options: FetchOptions): Promise<OciImageFacts> {
  const { store, onProgress } = options;
  const { name, key } = what;
  const known = async (): Promise<OciImageFacts | null> => {
    const digest = await store.sourceOf(key);
    return digest === null ? null : store.take(digest, name);
  };
  const found = await known();
  if (found !== null) return found;
  await using _lock = await store.lockFor(key, name);
  const madeMeanwhile = await known();
  if (madeMeanwhile !== null) return madeMeanwhile;
  await using draft = await store.draft(null);
  await store.makeRoom(what.bytes, name);
  onProgress(`Copying '${name}' into the cache.`);
  await copyImage({
    ...skopeoFor(name, what.source, options),
    from: what.from,
    draft: draft.path,
    blobs: store.blobs,
    words: what.words,
    platform: options.architecture,
  });
  const digest = await digestOfDraft(join(draft.path, "layout"), name);
  const bytes = await readBlob(store.blobPath(digest));
  const manifest = readManifest(bytes, name);
  if (manifest.kind === "index") throw new UsageError(`'${name}' holds an index, not an image.`);
  requireArchitecture(await readBlob(store.blobPath(manifest.config.digest)), name);
  const facts = await store.commit(manifest, name);
  await store.noteSource(key, facts.digest);
  return facts;
}

async function digestOfDraft(layout: string, name: string): Promise<Digest> {
  const [entry] = await listLayout(layout);
  if (entry !== undefined) return entry.digest;
  throw new HostUnfit(`'${name}' did not come though skopeo said that it did.`);
}

const readBlob = (path: string): Promise<Uint8Array> =>
  readSmallFile(path, { what: "document of an image", maxBytes: maxDocumentBytes });

const requireArchitecture = (config: Uint8Array, name: string): Architecture =>
  architectureOfConfig(config, name);
