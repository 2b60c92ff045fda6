/** The merged root of an image, to look into: nothing of it is unpacked; what is asked for is read from its layer. */
import { open, rename, rm } from "node:fs/promises";
import { UsageError } from "../../harness/base/errors.ts";
import { formatBytes } from "../../harness/base/units.ts";
import { draftOf } from "../../harness/base/write-whole.ts";
import type { OciImageFacts } from "../origins/oci-layout.ts";
import { readContents } from "./contents.ts";
import { type Layer, layersOf, readLayer } from "./layer-stream.ts";
import { RootMerger } from "./merge.ts";
import type { Metadata, Node, NodeKind } from "./node.ts";
import { lookUp } from "./resolve-path.ts";
import { readTar } from "./tar-reader.ts";

export interface RootNode extends Metadata {
  readonly kind: NodeKind;
  /** Bytes of a file, else 0. */
  readonly size: number;
}

export interface RootTree {
  /** What is at an absolute path, every link followed inside the root; null where there is nothing. */
  lookup(path: string): RootNode | null;
  /** The names in a directory, sorted; none where it is not one. Bytes that are not UTF-8 show as U+FFFD. */
  list(path: string): readonly { readonly name: string; readonly kind: NodeKind }[];
  /** The whole file. Throws UsageError where it is not a file of at most `maxBytes`. */
  readFile(path: string, maxBytes: number): Promise<Buffer>;
  /** Several files with one reading of each layer, by the paths that were asked for. Throws as `readFile` does. */
  readFiles(paths: readonly string[], maxBytes: number): Promise<ReadonlyMap<string, Buffer>>;
  /** Writes a file of the root to `target`, seen whole or not at all. Throws UsageError where it is not a file. */
  extract(path: string, target: string): Promise<void>;
  /** Several files with one reading of each layer: targets by paths. */
  extractFiles(targets: ReadonlyMap<string, string>): Promise<void>;
}

/** A tree with what its makers need and its readers do not. */
export interface OpenRoot extends RootTree {
  readonly image: OciImageFacts;
  readonly merger: RootMerger;
  readonly layers: readonly Layer[];
}

export interface ReadTreeOptions {
  readonly signal: AbortSignal;
  /** Bytes of blobs read since the last call. */
  readonly onBytes?: (count: number) => void;
}

/**
 * Reads the headers of all layers, checks every digest, and lays the layers over each other. Throws UsageError that
 * names the layer for what is damaged or cannot be.
 */
export async function openRoot(image: OciImageFacts, options: ReadTreeOptions): Promise<OpenRoot> {
  const layers = await layersOf(image);
  const merger = new RootMerger();
  for (const layer of layers) {
    await readLayer(layer, options, async (bytes) => {
      for await (const entry of readTar(bytes)) merger.apply(entry, layer.index);
    });
  }
  return treeOf(image, merger, layers, options.signal);
}

/** The merged root of an image, read from its layers' headers. Throws UsageError for a damaged or malformed layer. */
export const readRootTree = (
  image: OciImageFacts,
  options: { readonly signal: AbortSignal },
): Promise<RootTree> => openRoot(image, options);

function treeOf(
  image: OciImageFacts,
  merger: RootMerger,
  layers: readonly Layer[],
  signal: AbortSignal,
): OpenRoot {
  const find = (path: string): Node | null =>
    lookUp(merger.root, Buffer.from(path).toString("latin1"));
  const fileAt = (path: string, maxBytes: number): Node => {
    const node = find(path);
    const said = `The OCI image '${image.layout}:${image.tag}'`;
    if (node?.kind !== "file") throw new UsageError(`${said} does not have the file '${path}'.`);
    if (node.size <= maxBytes) return node;
    throw new UsageError(
      `The file '${path}' is larger than ${formatBytes(maxBytes)} (${formatBytes(node.size)}).`,
      {
        details: { image: `${image.layout}:${image.tag}` },
      },
    );
  };
  const readFiles = async (
    paths: readonly string[],
    maxBytes: number,
  ): Promise<ReadonlyMap<string, Buffer>> => {
    const nodes = new Map(paths.map((path) => [path, fileAt(path, maxBytes)]));
    const found = new Map<Node, Buffer>();
    await readContents(
      layers,
      new Set(nodes.values()),
      { signal, partly: true },
      async (node, bytes) => {
        const pieces: Buffer[] = [];
        for await (const piece of bytes) pieces.push(Buffer.from(piece));
        found.set(node, Buffer.concat(pieces));
      },
    );
    return new Map([...nodes].map(([path, node]) => [path, found.get(node) ?? Buffer.alloc(0)]));
  };
  const extractFiles = async (targets: ReadonlyMap<string, string>): Promise<void> => {
    const wanted = [...targets].map(
      ([path, target]) => [fileAt(path, Number.MAX_SAFE_INTEGER), target] as const,
    );
    await extractNodes(layers, wanted, signal);
  };
  return {
    image,
    merger,
    layers,
    lookup: (path) => {
      const node = find(path);
      return node === null ? null : { kind: node.kind, size: node.size, ...node.meta };
    },
    list: (path) =>
      [...(find(path)?.children ?? [])]
        .map(([name, { node }]) => ({
          name: Buffer.from(name, "latin1").toString("utf8"),
          kind: node.kind,
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    readFiles,
    readFile: async (path, maxBytes) =>
      (await readFiles([path], maxBytes)).get(path) ?? Buffer.alloc(0),
    extractFiles,
    extract: (path, target) => extractFiles(new Map([[path, target]])),
  };
}

async function extractNodes(
  layers: readonly Layer[],
  wanted: readonly (readonly [Node, string])[],
  signal: AbortSignal,
): Promise<void> {
  const nodes = new Set(wanted.map(([node]) => node));
  const drafts = wanted.map(([node, target]) => ({ node, target, draft: draftOf(target) }));
  try {
    await readContents(layers, nodes, { signal, partly: true }, async (node, bytes) => {
      const own = drafts.filter((one) => one.node === node);
      const files = await Promise.all(own.map(({ draft }) => open(draft, "wx")));
      try {
        for await (const piece of bytes) for (const file of files) await file.writeFile(piece);
      } finally {
        await Promise.all(files.map((file) => file.close()));
      }
    });
    for (const { draft, target } of drafts) await rename(draft, target);
  } finally {
    await Promise.all(drafts.map(({ draft }) => rm(draft, { force: true })));
  }
}
