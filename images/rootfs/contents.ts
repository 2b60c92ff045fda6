/** Hands out the bytes of files: those of a layer in the order of its archive, in one pass; then those of the caller. */
import { createReadStream } from "node:fs";
import { HostUnfit } from "../../harness/base/errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { type Layer, readLayer, type StreamOptions } from "./layer-stream.ts";
import type { Node } from "./node.ts";
import { contentOf, readTar, TarMalformed } from "./tar-reader.ts";

export type Take = (node: Node, bytes: AsyncIterable<Uint8Array>) => Promise<void>;

/**
 * Calls `take` for each file, one after the other. With `partly` a layer is read as far as it is needed and its digests
 * are not checked. Throws UsageError for a damaged layer, HostUnfit for a file of the caller that changed meanwhile.
 */
export async function readContents(
  layers: readonly Layer[],
  files: Iterable<Node>,
  options: StreamOptions,
  take: Take,
): Promise<void> {
  const byLayer = new Map<number, Map<number, Node>>();
  const others: Node[] = [];
  for (const node of files) {
    if (node.content?.from !== "layer") {
      others.push(node);
      continue;
    }
    const { layer, ordinal } = node.content;
    const wanted = byLayer.get(layer) ?? new Map<number, Node>();
    byLayer.set(layer, wanted.set(ordinal, node));
  }
  for (const layer of layers) {
    const wanted = byLayer.get(layer.index);
    if (wanted !== undefined)
      await readLayer(layer, options, (bytes) => takeFrom(bytes, wanted, options.signal, take));
  }
  for (const node of others) await takeOther(node, options, take);
}

async function takeFrom(
  source: ByteSource,
  wanted: ReadonlyMap<number, Node>,
  signal: AbortSignal,
  take: Take,
): Promise<void> {
  let left = wanted.size;
  for await (const entry of readTar(source)) {
    const node = wanted.get(entry.ordinal);
    if (node === undefined) continue;
    signal.throwIfAborted();
    if (entry.size !== node.size) throw new TarMalformed("it changed while it was read");
    await take(node, contentOf(source, entry));
    if (--left === 0) return;
  }
  throw new TarMalformed("it changed while it was read");
}

async function takeOther(
  node: Node,
  { signal, onBytes }: StreamOptions,
  take: Take,
): Promise<void> {
  signal.throwIfAborted();
  const { content } = node;
  if (content?.from === "bytes") await take(node, piece(content.bytes));
  if (content?.from === "file")
    await take(node, wholeFile(content.path, node.size, signal, onBytes));
}

async function* piece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* wholeFile(
  path: string,
  size: number,
  signal: AbortSignal,
  onBytes: ((count: number) => void) | undefined,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const chunk of createReadStream(path, { signal, highWaterMark: 1024 * 1024 })) {
    done += (chunk as Buffer).length;
    if (done > size) break;
    onBytes?.((chunk as Buffer).length);
    yield chunk as Buffer;
  }
  if (done !== size) throw new HostUnfit(`The file '${path}' changed while it was copied.`);
}
