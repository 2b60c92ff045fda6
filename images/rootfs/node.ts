/** A file of the merged root, in memory: as small as can be, since there may be a million of them. */
import type { Xattr } from "./tar-reader.ts";

export type NodeKind = "file" | "directory" | "symlink" | "char" | "block" | "fifo";

/** Where the bytes of a file come from: an entry of a layer's archive, or something of the caller's. */
export type Content =
  | { readonly from: "layer"; readonly layer: number; readonly ordinal: number }
  | { readonly from: "bytes"; readonly bytes: Uint8Array }
  | { readonly from: "file"; readonly path: string };

export interface Metadata {
  /** Permissions with set-ID and sticky bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly mtimeNanos: number;
  readonly xattrs: readonly Xattr[];
}

/** A name in a directory. Several names of one node are hard links. */
export interface Entry {
  readonly node: Node;
  /** Index of the layer that said this name last. */
  layer: number;
}

/** An inode. */
export class Node {
  readonly kind: NodeKind;
  meta: Metadata;
  /** Bytes of a file. */
  size = 0;
  content: Content | null = null;
  /** Of a symlink, bytes as latin1. */
  target = "";
  /** Of a device. */
  major = 0;
  minor = 0;
  /** Of a directory: by name, bytes as latin1. */
  readonly children: Map<string, Entry> | null;
  /** Of a directory: the last layer that said something at or below it, and the last that hid what was below it before. */
  touched = -1;
  cleared = -1;
  /** Filled in by the layout of the file system. */
  links = 0;
  nid = 0;
  startBlock = 0;

  constructor(kind: NodeKind, meta: Metadata) {
    this.kind = kind;
    this.meta = meta;
    this.children = kind === "directory" ? new Map() : null;
  }
}

/** What a directory is like that no layer describes: as mkdir(1) of root makes it. */
export const plainDirectory: Metadata = {
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: 0,
  mtimeNanos: 0,
  xattrs: [],
};
