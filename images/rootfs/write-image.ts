/**
 * Makes a root file system of an OCI image's layers: an EROFS file that a kernel mounts as `/`, with owners, modes,
 * devices and extended attributes, by an ordinary user and without any program of the host (docs/decisions, 9).
 */
import { rename, rm, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { type HostUnfit, messageOf } from "../../harness/base/errors.ts";
import { isFullDisk, noSpaceIn } from "../../harness/base/no-space.ts";
import { formatBytes } from "../../harness/base/units.ts";
import { draftOf, removeDeadDrafts } from "../../harness/base/write-whole.ts";
import type { OciImageFacts } from "../origins/oci-layout.ts";
import { readContents } from "./contents.ts";
import {
  blockSize,
  encodeDirectory,
  encodeInode,
  encodeSuperblock,
  slotSize,
} from "./erofs-format.ts";
import { addExtras, type RootExtra } from "./extras.ts";
import { ImageFile } from "./image-file.ts";
import { directoryNames, type Layout, layOut, type PlacedNode } from "./layout.ts";
import type { Node } from "./node.ts";
import { openRoot, type RootTree } from "./root-tree.ts";

export interface WriteRootOptions {
  readonly image: OciImageFacts;
  /** Where the file system goes; it is seen whole or not at all. */
  readonly target: string;
  /** Put into the root over what the layers have. */
  readonly extra: readonly RootExtra[];
  /** Bytes read so far, of those to read: each layer twice, then the files of the extras. */
  readonly onProgress: (done: number, total: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Writes the root of `image` to `target` and returns it, extras included. Throws UsageError for an image that is damaged
 * or cannot be, HostUnfit where there is no space; nothing half-made stays.
 */
export async function writeRootImage(options: WriteRootOptions): Promise<RootTree> {
  const { image, target, signal } = options;
  await removeDeadDrafts(dirname(target));
  const extraBytes = await sizeOfFiles(options.extra);
  const layerBytes = image.layers.reduce((sum, { size }) => sum + size, 0);
  const total = 2 * layerBytes + extraBytes;
  let done = 0;
  const onBytes = (count: number): void => {
    done += count;
    options.onProgress(Math.min(done, total), total);
  };
  const tree = await openRoot(image, { signal, onBytes });
  await addExtras(tree.merger, options.extra, image.layers.length);
  const name = `${image.layout}:${image.tag}`;
  const layout = layOut(tree.merger.root, name);
  await requireSpace(target, layout);
  const draft = draftOf(target);
  try {
    {
      await using file = await ImageFile.create(draft);
      await writeMetadata(file, layout, image);
      await readContents(tree.layers, layout.files, { signal, onBytes }, (node, bytes) =>
        writeContent(file, node, bytes),
      );
      await file.finish(layout.blocks * blockSize);
    }
    signal.throwIfAborted();
    await rename(draft, target);
    options.onProgress(total, total);
    return tree;
  } catch (error) {
    throw explain(error, target);
  } finally {
    await rm(draft, { force: true });
  }
}

async function sizeOfFiles(extra: readonly RootExtra[]): Promise<number> {
  let sum = 0;
  for (const { content } of extra) if ("file" in content) sum += (await stat(content.file)).size;
  return sum;
}

async function requireSpace(target: string, { blocks, fileBytes }: Layout): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(target));
  const free = bavail * bsize;
  if (fileBytes <= free) return;
  throw noSpace(
    target,
    `${formatBytes(blocks * blockSize)} are needed, ${formatBytes(free)} are free`,
  );
}

const noSpace = (target: string, reason: string, cause?: unknown): HostUnfit =>
  noSpaceIn(
    dirname(target),
    `There is not enough space for the image's root in '${dirname(target)}'.`,
    { reason },
    cause,
  );

const explain = (error: unknown, target: string): unknown =>
  isFullDisk(error) ? noSpace(target, messageOf(error), error) : error;

async function writeMetadata(file: ImageFile, layout: Layout, image: OciImageFacts): Promise<void> {
  const [first] = layout.nodes;
  const superblock = encodeSuperblock({
    rootNid: first?.node.nid ?? 0,
    inodes: layout.nodes.length,
    blocks: layout.blocks,
    uuid: Buffer.from(image.digest.slice("sha256:".length), "hex"),
    label: "bootgate-root",
  });
  await file.write(0, superblock);
  for (const [index, placed] of layout.nodes.entries()) {
    await file.write(placed.node.nid * slotSize, inodeBytes(placed, index + 1));
  }
  for (const placed of layout.nodes) {
    const { node, place, size } = placed;
    if (node.kind === "file" || place === "inline" || size === 0) continue;
    await file.write(node.startBlock * blockSize, contentOf(placed));
  }
}

function inodeBytes({ node, parent, size, place, xattrs }: PlacedNode, number: number): Buffer {
  const inode = encodeInode({
    kind: node.kind,
    meta: node.meta,
    number,
    links: node.links,
    size,
    place,
    startBlock: place === "inline" ? 0 : node.startBlock,
    major: node.major,
    minor: node.minor,
    xattrBytes: xattrs.length,
  });
  const inline = place === "inline" ? [contentOf({ node, parent, size, place, xattrs })] : [];
  return Buffer.concat([inode, xattrs, ...inline]);
}

function contentOf({ node, parent }: PlacedNode): Buffer {
  if (node.kind === "symlink") return Buffer.from(node.target, "latin1");
  const entries = directoryNames(node).map((name) => {
    const own = name === "." ? node : name === ".." ? parent : node.children?.get(name)?.node;
    return { name, kind: own?.kind ?? "directory", nid: own?.nid ?? 0 };
  });
  return encodeDirectory(entries);
}

async function writeContent(
  file: ImageFile,
  node: Node,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  let position = node.startBlock * blockSize;
  for await (const piece of bytes) {
    await file.write(position, piece);
    position += piece.length;
  }
}
