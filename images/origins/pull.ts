/**
 * From a reference at a registry to an image in the store. The reference is resolved to a digest first, by the registry's
 * own documents, and everything after that is fetched by that digest: a tag that moves meanwhile changes nothing.
 */
import { eachTenth } from "../../harness/base/each-tenth.ts";
import { HostUnfit, UsageError } from "../../harness/base/errors.ts";
import { type Digest, formatBytes, shortDigest } from "../../harness/base/units.ts";
import type { Architecture } from "../image.ts";
import { dockerManifest, type OciImageFacts } from "./oci-layout.ts";
import {
  architectureOfConfig,
  chooseInstance,
  digestOfBytes,
  type Index,
  indexFacts,
  type Manifest,
  readManifest,
  requireListed,
} from "./platform.ts";
import { askedAs, type RegistryReference, repositoryOf } from "./reference.ts";
import {
  checkAccess,
  copyImage,
  type RegistryAccess,
  readRaw,
  type SkopeoLimits,
  type SkopeoOptions,
} from "./skopeo.ts";
import type { ImageStore } from "./store.ts";

export interface FetchOptions {
  readonly store: ImageStore;
  readonly access: RegistryAccess;
  readonly limits: SkopeoLimits;
  /** Of the machine: which image an index stands for. */
  readonly architecture: Architecture;
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
  /** Asked before the first layer is fetched; false ends the pull with `Unwanted`. Absent: each is wanted. */
  readonly wants?: (architecture: Architecture) => Promise<boolean>;
}

/** The documents are here and nobody can boot the image, so its layers are not fetched. */
export class Unwanted extends HostUnfit {}

/** An image with what is to be told of where it comes from, in whole sentences for every report. */
export interface FoundOci {
  readonly facts: OciImageFacts;
  /** Digest of the index that was named for it; absent: the image itself was named. */
  readonly index?: Digest;
  readonly notes: readonly string[];
}

/** An image at a registry, in the store. Throws UsageError and HostUnfit as skopeo-faults.ts says. */
export async function pullReference(
  reference: RegistryReference,
  options: FetchOptions,
): Promise<FoundOci> {
  const { store } = options;
  const name = askedAs(reference);
  // A digest that was pulled before is the same for ever: the registry need not even be there.
  const known = reference.digest === null ? null : await store.take(reference.digest, name);
  if (known !== null) return { facts: known, notes: [] };
  await checkAccess(options.access);
  const skopeo = skopeoFor(reference, options);
  const { manifest, index } = await resolveManifest(reference, options, skopeo);
  const facts = await storedImage(reference, { manifest, index }, options, skopeo);
  // What was in the store may have come by its own digest.
  requireListed(listedBy(index, options), facts, name);
  return { facts, ...indexFacts(index, options.architecture) };
}

/** The architecture that an index said; null: no index was named. */
const listedBy = (index: Digest | null, { architecture }: Pick<FetchOptions, "architecture">) =>
  index === null ? null : ({ by: "index", architecture } as const);

/** What the documents of an image say, without its layers. */
export interface Peeked {
  readonly manifest: Manifest;
  readonly config: Uint8Array;
  readonly index: Digest | null;
}

/** Reads the documents of an image at a registry; null where the whole image is in the store. Throws as `pullReference`. */
export async function peekReference(
  reference: RegistryReference,
  options: FetchOptions,
): Promise<Peeked | null> {
  const { store } = options;
  const name = askedAs(reference);
  if (reference.digest !== null && (await store.take(reference.digest, name)) !== null) return null;
  await checkAccess(options.access);
  const skopeo = skopeoFor(reference, options);
  const { manifest, index } = await resolveManifest(reference, options, skopeo);
  if ((await store.take(manifest.digest, name)) !== null) return null;
  const source = `docker://${repositoryOf(reference)}@${manifest.digest}`;
  const config = await readRaw(source, "config", skopeo);
  const got = digestOfBytes(config);
  if (got !== manifest.config.digest) throw otherBytes(name, manifest.config.digest, got);
  const { digest } = manifest;
  const told = { digest, architecture: architectureOfConfig(config, name) };
  requireListed(listedBy(index, options), told, name);
  return { manifest, config, index };
}

/** The image of a manifest that the registry named: found in the store, or fetched. */
async function storedImage(
  reference: RegistryReference,
  { manifest, index }: Resolved,
  options: FetchOptions,
  skopeo: SkopeoOptions,
): Promise<OciImageFacts> {
  const { store, onProgress } = options;
  const name = askedAs(reference);
  const { digest } = manifest;
  const here = async (): Promise<OciImageFacts | null> => store.take(digest, name);
  const found = await here();
  if (found !== null) return found;
  await using _lock = await store.lockFor(digest, name);
  const madeMeanwhile = await here();
  if (madeMeanwhile !== null) return madeMeanwhile;
  const facts = await fetchImage(`docker://${repositoryOf(reference)}@${digest}`, manifest, {
    ...options,
    name,
    index,
    skopeo: { ...skopeo, context: { ...skopeo.context, isResolved: true } },
  });
  onProgress(`Pulled '${name}': ${shortDigest(digest)}.`);
  return facts;
}

const skopeoFor = (reference: RegistryReference, options: FetchOptions): SkopeoOptions => ({
  access: options.access,
  limits: options.limits,
  signal: options.signal,
  onProgress: options.onProgress,
  context: {
    name: askedAs(reference),
    source: "registry",
    host: reference.host,
    store: options.store.root,
  },
});

interface Resolved {
  readonly manifest: Manifest;
  /** What it was found by; null: it was named itself. */
  readonly index: Digest | null;
}

/** The manifest that a reference stands for now; of an index, the one for the machine's architecture, and the index. */
async function resolveManifest(
  reference: RegistryReference,
  { architecture }: FetchOptions,
  skopeo: SkopeoOptions,
): Promise<Resolved> {
  const name = askedAs(reference);
  const read = async (image: string, expected: Digest | null): Promise<Manifest | Index> => {
    const bytes = await readRaw(`docker://${image}`, "manifest", skopeo);
    const got = digestOfBytes(bytes);
    if (expected !== null && got !== expected) throw otherBytes(name, expected, got);
    if (!isJson(bytes)) throw notDocument(reference.host, name, bytes);
    return readManifest(bytes, name);
  };
  const named = await read(name, reference.digest);
  if (named.kind === "manifest") return { manifest: named, index: null };
  const { digest } = chooseInstance(named, architecture, name);
  const manifest = await read(`${repositoryOf(reference)}@${digest}`, digest);
  if (manifest.kind === "manifest") return { manifest, index: named.digest };
  throw new UsageError(`'${name}' is an index of indexes; expected one of images.`);
}

const isJson = (bytes: Uint8Array): boolean => {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
};

/** What no registry answers with: the page of a proxy, or of a network that wants a login first. */
const notDocument = (host: string, name: string, bytes: Uint8Array): HostUnfit =>
  new HostUnfit(
    `The registry '${host}', or something on the way to it, did not give a document of an image.`,
    {
      details: {
        image: name,
        "it begins": Buffer.from(bytes.subarray(0, 100))
          .toString("latin1")
          .replaceAll(/[^ -~]+/g, " "),
        "to do": "see whether a proxy or a login page answers in its place",
      },
    },
  );

const otherBytes = (name: string, expected: Digest, got: Digest): HostUnfit =>
  new HostUnfit(`The registry gave another document for '${name}' than its digest says.`, {
    details: { expected, got },
  });

interface FetchImage extends FetchOptions {
  readonly name: string;
  readonly index: Digest | null;
  readonly skopeo: SkopeoOptions;
}

/** Fetches what is not here of an image whose manifest is known. */
async function fetchImage(
  source: string,
  manifest: Manifest,
  options: FetchImage,
): Promise<OciImageFacts> {
  const { store, skopeo, name } = options;
  // A layout of skopeo's does not take Docker's manifest: it makes another one, which nobody reads. The layers are the same bytes.
  const isDocker = manifest.mediaType === dockerManifest;
  const config = await readRaw(source, "config", skopeo);
  const got = digestOfBytes(config);
  if (got !== manifest.config.digest) throw otherBytes(name, manifest.config.digest, got);
  const architecture = architectureOfConfig(config, name);
  requireListed(listedBy(options.index, options), { digest: manifest.digest, architecture }, name);
  if ((await options.wants?.(architecture)) === false)
    throw new Unwanted(`No machine here boots '${name}': it is for ${architecture}.`);
  const own = { digest: manifest.digest, size: manifest.bytes.length };
  const wanted = [own, manifest.config, ...manifest.layers];
  await using draft = await store.draft(wanted.map(({ digest }) => digest));
  const missing = await store.missing(manifest.layers);
  const missingBytes = missing.reduce((sum, { size }) => sum + size, 0);
  await store.makeRoom(missingBytes, name);
  await store.putDocument(config);
  if (missing.length > 0) {
    tellStart(manifest, missingBytes, options);
    await copyImage({
      ...skopeo,
      from: source,
      draft: draft.path,
      blobs: store.blobs,
      words: isDocker ? [] : ["--preserve-digests"],
      wanted: missing,
      onBytes: tellProgress(missingBytes, options),
    });
  }
  await requireWhole(manifest, options);
  return await store.commit(manifest, name);
}

async function requireWhole(manifest: Manifest, { store, name }: FetchImage): Promise<void> {
  const [lacking] = await store.missing(manifest.layers);
  if (lacking === undefined) return;
  throw new HostUnfit(`A layer of '${name}' did not come though skopeo said that it did.`, {
    details: { layer: lacking.digest },
  });
}

function tellStart(manifest: Manifest, missingBytes: number, options: FetchImage): void {
  const all = manifest.layers.reduce((sum, { size }) => sum + size, 0);
  const here = all - missingBytes;
  const words = here === 0 ? "" : `, ${formatBytes(here)} of it already here`;
  options.onProgress(
    `Pulling '${options.name}' (${shortDigest(manifest.digest)}): ${formatBytes(all)} in ${manifest.layers.length} layers${words}.`,
  );
}

function tellProgress(bytes: number, { name, onProgress }: FetchImage): (done: number) => void {
  const tell = eachTenth((done, total) =>
    onProgress(`Pulled ${formatBytes(done)} of ${formatBytes(total)} of '${name}'.`),
  );
  return (done) => tell(done, bytes);
}
