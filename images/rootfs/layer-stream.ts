/**
 * Streams a layer of an image: gzip, zstd or plain, told by its first bytes as other tools do. Both digests, of the blob
 * and of what it unpacks to (`rootfs.diff_ids` of the image's configuration), are checked while it streams.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline, type Readable, Transform } from "node:stream";
import { createGunzip } from "node:zlib";
import { execa } from "execa";
import { z } from "zod";
import { HostUnfit, messageOf, UsageError } from "../../harness/base/errors.ts";
import { hashFile } from "../../harness/base/hash-file.ts";
import { type Digest, isDigest } from "../../harness/base/units.ts";
import { readSmallFile } from "../../harness/config/read-small-file.ts";
import { forgetBlob, startAgain } from "../origins/damaged-blob.ts";
import { blobPath, type OciBlob, type OciImageFacts } from "../origins/oci-layout.ts";
import { ByteSource, EndedEarly } from "./byte-source.ts";
import { TarMalformed } from "./tar-header.ts";

export interface Layer {
  readonly index: number;
  readonly blob: OciBlob;
  readonly path: string;
  readonly diffId: Digest;
  /** How messages call it: `Layer 2 of 5 of the image 'DIR:TAG'`. */
  readonly title: string;
}

const configFile = z.object({
  rootfs: z.object({ type: z.literal("layers"), diff_ids: z.array(z.string().refine(isDigest)) }),
});
const maxConfigBytes = 4 * 1024 * 1024;

/** The layers of an image with their digests. Throws UsageError for an image that is not made of file system layers. */
export async function layersOf(image: OciImageFacts): Promise<readonly Layer[]> {
  const name = `${image.layout}:${image.tag}`;
  const path = blobPath(image.layout, image.config.digest);
  const bytes = await readSmallFile(path, {
    what: "image configuration",
    maxBytes: maxConfigBytes,
  });
  const diffIds = diffIdsOf(bytes);
  const odd = image.layers.find(({ mediaType }) => !/[./+]tar\b/.test(mediaType));
  if (odd !== undefined || diffIds?.length !== image.layers.length) {
    throw new UsageError(`The OCI image '${name}' is not the root of an operating system.`, {
      details: {
        reason:
          odd === undefined
            ? `its configuration names ${diffIds?.length ?? "no"} layers (rootfs.diff_ids) and its manifest ${image.layers.length}`
            : `its layer ${odd.digest} is of the type '${odd.mediaType.slice(0, 100)}'`,
      },
    });
  }
  return image.layers.map((blob, index) => ({
    index,
    blob,
    path: blobPath(image.layout, blob.digest),
    diffId: diffIds[index] as Digest,
    title: `Layer ${index + 1} of ${image.layers.length} of the OCI image '${name}'`,
  }));
}

function diffIdsOf(bytes: Buffer): readonly string[] | null {
  try {
    return configFile.parse(JSON.parse(bytes.toString("utf8"))).rootfs.diff_ids;
  } catch {
    return null;
  }
}

export interface StreamOptions {
  readonly signal: AbortSignal;
  /** Bytes of the blob that were read since the last call. */
  readonly onBytes?: (count: number) => void;
  /** Leave the rest of the layer unread, and so its digests unchecked. */
  readonly partly?: boolean;
}

/**
 * Hands the unpacked bytes to `body`, reads what it leaves, and checks both digests. Throws UsageError with the layer's
 * name for whatever is wrong with it, HostUnfit where it was damaged in the cache, which lets go of it.
 */
export async function readLayer<T>(
  layer: Layer,
  options: StreamOptions,
  body: (bytes: ByteSource) => Promise<T>,
): Promise<T> {
  options.signal.throwIfAborted();
  await using unpacked = await unpack(layer, options);
  try {
    const bytes = new ByteSource(unpacked.chunks);
    const result = await body(bytes);
    if (options.partly === true) return result;
    await bytes.drain();
    unpacked.check();
    return result;
  } catch (error) {
    options.signal.throwIfAborted();
    throw await explain(error, layer, options.signal);
  }
}

/** The image was made with a layer that nobody can unpack: its blob is what its digest says. */
export class LayerBroken extends UsageError {}

/** The blob is what its digest says, and this reader refuses what is in its archive; others may take it. */
export class LayerRefused extends UsageError {}

/** Damage that the digest shows happened after the image was made; else the image was made so. */
async function explain(error: unknown, layer: Layer, signal: AbortSignal): Promise<unknown> {
  const reason = reasonOf(error);
  if (reason === null) return error;
  const got = await hashFile(layer.path, signal);
  if (got === layer.blob.digest) {
    const Made = error instanceof TarMalformed ? LayerRefused : LayerBroken;
    return new Made(`${layer.title} cannot be read: ${reason}.`, {
      cause: error,
      details: { layer: layer.blob.digest, "made so": "the blob is what its digest says" },
    });
  }
  const headline = `${layer.title} is damaged: the blob is not what its name says.`;
  const facts = { expected: layer.blob.digest, got, reason };
  if (await forgetBlob(layer.path))
    return new HostUnfit(headline, { cause: error, details: { ...facts, "to do": startAgain } });
  return new UsageError(headline, {
    cause: error,
    details: { ...facts, "to do": "copy the image again" },
  });
}

function reasonOf(error: unknown): string | null {
  if (error instanceof TarMalformed) return error.message;
  if (error instanceof EndedEarly) return "its archive is cut off";
  if (error instanceof Damaged) return error.message;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return code.startsWith("Z_") ? `it does not unpack as gzip (${messageOf(error)})` : null;
}

class Damaged extends Error {}

interface Unpacked extends AsyncDisposable {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Throws Damaged when a digest is not as it should be. */
  check(): void;
}

async function unpack(layer: Layer, { signal, onBytes }: StreamOptions): Promise<Unpacked> {
  const compression = await compressionOf(layer);
  const blobHash = createHash("sha256");
  const diffHash = createHash("sha256");
  const file = createReadStream(layer.path, { signal, highWaterMark: 1024 * 1024 });
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      blobHash.update(chunk);
      onBytes?.(chunk.length);
      done(null, chunk);
    },
  });
  const packed = pipeline(file, counted, () => undefined);
  const plain = decompressor(compression, packed);
  return {
    chunks: hashed(plain.chunks, diffHash, compression === "none" ? null : plain.finish),
    check() {
      compare(blobHash, layer.blob.digest, "the blob is not what its name says");
      compare(diffHash, layer.diffId, "it does not unpack to what the image's configuration says");
    },
    async [Symbol.asyncDispose]() {
      file.destroy();
      await plain.end();
    },
  };
}

function compare(hash: Hash, expected: Digest, reason: string): void {
  const got = `sha256:${hash.digest("hex")}`;
  if (got !== expected) throw new Damaged(`${reason} (${got} and not ${expected})`);
}

async function* hashed(
  chunks: AsyncIterable<Uint8Array>,
  hash: Hash,
  finish: (() => Promise<void>) | null,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  await finish?.();
}

type Compression = "gzip" | "zstd" | "none";

async function compressionOf(layer: Layer): Promise<Compression> {
  const file = await open(layer.path).catch((cause: unknown) => {
    throw new UsageError(`${layer.title} cannot be opened.`, {
      cause,
      details: { layer: layer.blob.digest, reason: messageOf(cause) },
    });
  });
  try {
    const head = Buffer.alloc(4);
    await file.read(head, 0, 4, 0);
    if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
    // A frame of zstd, or one that decoders skip (RFC 8878, 3.1): zstd:chunked begins with either.
    const magic = head.readUInt32LE();
    return magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50 ? "zstd" : "none";
  } finally {
    await file.close();
  }
}

interface Decompressor {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** After the last chunk: throws when it was not the end of the data. */
  finish(): Promise<void>;
  end(): Promise<void>;
}

function decompressor(compression: Compression, packed: Readable): Decompressor {
  const nothing = async (): Promise<void> => undefined;
  if (compression === "none") return { chunks: packed, finish: nothing, end: nothing };
  if (compression === "zstd") return unzstd(packed);
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  return {
    chunks: pipeline(packed, gunzip, () => undefined),
    finish: nothing,
    end: async () => void gunzip.destroy(),
  };
}

/** By the program of that name: Node 20 has no zstd. It dies with the harness (`setpriv --pdeathsig`). */
function unzstd(packed: Readable): Decompressor {
  const command = ["--pdeathsig", "KILL", "--", "zstd", "-dcq", "--memory=1024MB"];
  const child = execa("setpriv", command, {
    reject: false,
    buffer: false,
    encoding: "buffer",
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString("latin1")).slice(-500);
  });
  // A child that ends early closes its input; its exit code tells why.
  pipeline(packed, child.stdin, () => undefined);
  return {
    chunks: child.stdout,
    async finish() {
      const { exitCode } = await child;
      if (exitCode === 0) return;
      if (exitCode === 127 || exitCode === undefined)
        throw new HostUnfit("The host has no command 'zstd'.", { details: { said } });
      throw new Damaged(`it does not unpack as zstd (${said.trim()})`);
    },
    async end() {
      // What nobody reads any more would keep the child's end from being seen.
      child.stdout.destroy();
      child.kill("SIGKILL");
      await child;
    },
  };
}
