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
import { readArchiveIndex } from "./archive-index.ts";
import { type LayoutEntry, listLayout, type OciImageFacts } from "./oci-layout.ts";
import {
  architectureOfConfig,
  chooseInstance,
  digestOfBytes,
  indexFacts,
  readManifest,
  requireListed,
} from "./platform.ts";
import type { FetchOptions } from "./pull.ts";
import { copyImage, readRaw, type SkopeoOptions } from "./skopeo.ts";
import type { SkopeoSource } from "./skopeo-faults.ts";

/** Said in every report of an image whose digest no registry knows. */
const madeHere = (what: string): string =>
  `${what} keeps the layers of an image unpacked, so its digest was made by the copy and is not the one that a registry has.`;

export interface Imported {
  readonly facts: OciImageFacts;
  /** Digest of the index that it was found by. */
  readonly index?: Digest;
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
  const index = isOci ? await indexNamed(archive, name, options) : null;
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
  const { architecture } = options;
  requireListed(index === null ? null : { by: "index", architecture }, imported, name);
  const notes = isOci ? [] : [madeHere("A docker-archive")];
  const told = indexFacts(index, options.architecture);
  return { facts: imported, ...told, notes: [...notes, ...told.notes] };
}

/**
 * The digest of the index that an OCI archive has behind this tag; null: it has an image, or does not tell. Throws
 * UsageError where the archive does not have one image of that name, or none for the machine's architecture.
 */
async function indexNamed(
  { path, tag }: { readonly path: string; readonly tag: string | null },
  name: string,
  { architecture }: FetchOptions,
): Promise<Digest | null> {
  const held = await readArchiveIndex(path);
  if (held === null) return null;
  const named = held.entries.filter((entry) => tag === null || entry.tag === tag);
  const [only] = named;
  // skopeo takes one entry only, whatever platforms the entries name.
  if (only === undefined || named.length > 1) throw notOne(path, held.entries, named.length, name);
  const index = only.isIndex ? await held.indexOf(only) : null;
  if (index === null) return null;
  chooseInstance(index, architecture, name, false);
  return index.digest;
}

function notOne(
  path: string,
  entries: readonly LayoutEntry[],
  count: number,
  name: string,
): UsageError {
  const tags = [...new Set(entries.flatMap((entry) => entry.tag ?? []))];
  const unpack = `unpack it (mkdir DIR; tar -xf '${path}' -C DIR) and name oci:DIR, which takes the one for the machine, or oci:DIR@sha256:…`;
  return new UsageError(`The archive '${name}' does not have one image of that name.`, {
    details: {
      images: `${count} of that name, ${entries.length} in all`,
      tags: tags.slice(0, 50).join(", ") || "none",
      "to do":
        tags.length > 0 && count !== 1
          ? "name the tag behind the file: oci-archive:FILE:TAG"
          : entries.length > 0
            ? unpack
            : "make it once more: nothing is in it",
    },
  });
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
