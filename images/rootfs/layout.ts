/**
 * Where everything lies in the image: superblock, inodes with what is small, directories, then the files in the order in
 * which the layers hand them out, so that their bytes are written from front to back.
 */
import { UsageError } from "../../harness/base/errors.ts";
import {
  alignTo,
  blockSize,
  encodeXattrs,
  inodeSize,
  type Place,
  slotSize,
  splitDirectory,
} from "./erofs-format.ts";
import type { Node } from "./node.ts";
import { shown, type Xattr } from "./tar-reader.ts";

export interface PlacedNode {
  readonly node: Node;
  /** The directory that holds it; of a directory its `..`. */
  readonly parent: Node;
  readonly size: number;
  readonly place: Place;
  readonly xattrs: Buffer;
}

export interface Layout {
  /** In the order of their places. The root is the first. */
  readonly nodes: readonly PlacedNode[];
  /** Files that have bytes, in the order of their places. */
  readonly files: readonly Node[];
  /** Length of the file system in blocks. */
  readonly blocks: number;
  /** Bytes of all files. */
  readonly fileBytes: number;
}

/** Content up to this length lies behind its inode: links and small directories. */
const maxInlineBytes = 2048;
const maxBlocks = 2 ** 32 - 1;

/** Gives each node its number, its count of links and its place. `name` is the image's, for messages. */
export function layOut(root: Node, name: string): Layout {
  const nodes: PlacedNode[] = [];
  const encoded = new Map<readonly Xattr[], Buffer>();
  const xattrsOf = (node: Node, path: string): Buffer => {
    const { xattrs } = node.meta;
    const bytes = encoded.get(xattrs) ?? encodeXattrs(xattrs);
    if (bytes === null) {
      throw new UsageError(
        `The file '${shown(path)}' of the OCI image '${name}' has extended attributes of more than 64 KiB.`,
      );
    }
    encoded.set(xattrs, bytes);
    return bytes;
  };
  let position = blockSize;
  visit(root, (node, parent, path) => {
    const size = sizeOf(node);
    const xattrs = xattrsOf(node, path);
    const head = inodeSize + xattrs.length;
    const isInline =
      node.kind !== "file" && size > 0 && size <= maxInlineBytes && head + size <= blockSize;
    const together = isInline ? head + size : inodeSize;
    if ((position % blockSize) + together > blockSize) position = alignTo(position, blockSize);
    node.nid = position / slotSize;
    position = alignTo(position + head + (isInline ? size : 0), slotSize);
    nodes.push({ node, parent, size, place: isInline ? "inline" : "blocks", xattrs });
  });
  let block = Math.ceil(position / blockSize);
  for (const { node, place, size } of nodes) {
    if (node.kind === "file" || place === "inline" || size === 0) continue;
    node.startBlock = block;
    block += Math.ceil(size / blockSize);
  }
  const files = nodes.flatMap(({ node, size }) => (node.kind === "file" && size > 0 ? [node] : []));
  files.sort(byContent);
  let fileBytes = 0;
  for (const node of files) {
    node.startBlock = block;
    block += Math.ceil(node.size / blockSize);
    fileBytes += node.size;
  }
  if (block > maxBlocks)
    throw new UsageError(`The OCI image '${name}' has files of more than 16 TiB.`);
  return { nodes, files, blocks: block, fileBytes };
}

/** Each node once, parents first; counts the links. */
function visit(root: Node, found: (node: Node, parent: Node, path: string) => void): void {
  const seen = new Set<Node>();
  const descend = (directory: Node, parent: Node, path: string): void => {
    directory.links = 2;
    found(directory, parent, path);
    for (const [name, { node }] of directory.children ?? []) {
      const below = `${path}/${name}`;
      if (node.kind === "directory") {
        directory.links++;
        descend(node, directory, below);
      } else if (seen.has(node)) {
        node.links++;
      } else {
        seen.add(node);
        node.links = 1;
        found(node, directory, below);
      }
    }
  };
  descend(root, root, "");
}

function sizeOf(node: Node): number {
  if (node.kind === "file") return node.size;
  if (node.kind === "symlink") return node.target.length;
  if (node.kind === "directory") return splitDirectory(directoryNames(node)).size;
  return 0;
}

/** The names of a directory in the order of their bytes, with `.` and `..`. */
export const directoryNames = (node: Node): string[] =>
  [".", "..", ...(node.children?.keys() ?? [])].sort(byBytes);

/** Strings hold bytes as latin1, so their order is the order of the bytes. */
const byBytes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function byContent(a: Node, b: Node): number {
  const [one, other] = [a.content, b.content];
  if (one?.from !== "layer" || other?.from !== "layer")
    return Number(one?.from !== "layer") - Number(other?.from !== "layer");
  return one.layer - other.layer || one.ordinal - other.ordinal;
}
