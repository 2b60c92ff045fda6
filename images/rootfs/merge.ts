/**
 * Lays the layers of an image over each other (opencontainers/image-spec, layer.md): whiteouts, opaque directories,
 * links across layers, files in the place of directories. Nothing is unpacked: the result is a tree in memory.
 *
 * Parents that are symlinks are followed inside the root, as unpackers do that work in one tree (containers/storage with
 * vfs, umoci). A whiteout hides what lower layers have and nothing of its own layer, in whichever order they stand.
 */
import { type Entry, type Metadata, Node, plainDirectory } from "./node.ts";
import { BadPath, cleanPath, lookUp, maxDepth, walk } from "./resolve-path.ts";
import { shown, type TarEntry, TarMalformed, type Xattr } from "./tar-reader.ts";

const whiteout = ".wh.";
const auxiliary = ".wh..wh.";
const opaque = ".wh..wh..opq";

/** Limits of the kernel (NAME_MAX, PATH_MAX) and of memory. */
const maxNameBytes = 255;
const maxPathBytes = 4095;
const maxNodes = 4_000_000;
const maxXattrBytes = 256 * 1024 * 1024;

/** Merges entries in the order of the layers. What cannot be is a TarMalformed, whose message ends a sentence. */
export class RootMerger {
  readonly root = new Node("directory", plainDirectory);
  #nodes = 0;
  readonly #xattrs = new Map<string, readonly Xattr[]>();
  #xattrBytes = 0;

  /** Applies one entry of layer `layer` (counted from 0). Returns what stands there now, null for a mark. */
  apply(entry: TarEntry, layer: number): Node | null {
    try {
      return this.#place(entry, layer);
    } catch (error) {
      if (!(error instanceof BadPath)) throw error;
      throw new TarMalformed(`its entry '${shown(entry.name)}' ${error.message}`);
    }
  }

  #place(entry: TarEntry, layer: number): Node | null {
    const names = cleanPath(entry.name);
    if (names === null) throw new BadPath("leads out of the root");
    if (entry.name.length > maxPathBytes)
      throw new BadPath("has a path that is longer than 4095 bytes");
    const last = names.pop();
    if (last === undefined) {
      if (entry.kind !== "directory") throw new BadPath("has no name");
      this.root.meta = this.#metadata(entry);
      this.root.touched = layer;
      return this.root;
    }
    if (isAuxiliary(names, last)) return null;
    if (names.some((name) => name.startsWith(whiteout)))
      throw new BadPath("lies below the mark of a removed file");
    if (!last.startsWith(whiteout)) return this.#add(names, last, entry, layer);
    this.#hide(names, last, layer);
    return null;
  }

  #hide(names: readonly string[], mark: string, layer: number): void {
    // A mark where nothing is hides nothing.
    const parent = lookUp(this.root, names.join("/")) ?? undefined;
    if (mark === opaque) {
      if (parent !== undefined) clear(parent, layer);
      return;
    }
    const name = mark.slice(whiteout.length);
    if (name === "" || name === "." || name === "..")
      throw new BadPath("marks a removed file without a name");
    const entry = parent?.children?.get(name);
    if (parent !== undefined && entry !== undefined) hide(parent, name, entry, layer);
  }

  #add(names: readonly string[], name: string, entry: TarEntry, layer: number): Node {
    if (name.length > maxNameBytes || names.some((one) => one.length > maxNameBytes))
      throw new BadPath("has a name that is longer than 255 bytes");
    const linked = entry.kind === "hardlink" ? this.#linkTarget(entry) : null;
    const parent = this.#parent(names, layer);
    const before = parent.children?.get(name);
    if (linked !== null) {
      put(parent, name, { node: linked, layer });
      return linked;
    }
    if (entry.kind === "directory" && before?.node.kind === "directory") {
      before.node.meta = this.#metadata(entry);
      before.node.touched = layer;
      before.layer = layer;
      return before.node;
    }
    const node = this.#node(entry, layer);
    put(parent, name, { node, layer });
    return node;
  }

  #parent(names: readonly string[], layer: number): Node {
    const make = (parent: Node, name: string): Node => {
      const node = this.#count(new Node("directory", plainDirectory));
      put(parent, name, { node, layer });
      return node;
    };
    const stack = walk(this.root, names, { make }) ?? [this.root];
    if (stack.length === maxDepth) throw new BadPath(`is deeper than ${maxDepth} directories`);
    for (const node of stack) node.touched = layer;
    return stack.at(-1) ?? this.root;
  }

  /** The target's name is a path from the root. Its last part is not followed (link(2)). */
  #linkTarget({ link }: TarEntry): Node {
    const names = cleanPath(link);
    const last = names?.pop();
    if (names === null || last === undefined)
      throw new BadPath(`links to '${shown(link)}', which is not a file`);
    const node = walk(this.root, names)?.at(-1)?.children?.get(last)?.node;
    if (node === undefined) throw new BadPath(`links to '${shown(link)}', which does not exist`);
    if (node.kind !== "directory") return node;
    throw new BadPath(`links to '${shown(link)}', which is a directory`);
  }

  #node(entry: TarEntry, layer: number): Node {
    if (entry.kind === "hardlink") throw new BadPath("is a link");
    const node = this.#count(new Node(entry.kind, this.#metadata(entry)));
    if (node.kind === "file") {
      node.size = entry.size;
      node.content = { from: "layer", layer, ordinal: entry.ordinal };
    } else if (node.kind === "symlink") {
      if (entry.link === "" || entry.link.length > maxPathBytes)
        throw new BadPath("is a symbolic link whose target is empty or longer than 4095 bytes");
      node.target = entry.link;
    } else if (node.kind === "directory") {
      node.touched = layer;
    } else {
      node.major = entry.major;
      node.minor = entry.minor;
    }
    return node;
  }

  #count(node: Node): Node {
    if (++this.#nodes > maxNodes) throw new TarMalformed(`it has more than ${maxNodes} files`);
    return node;
  }

  #metadata({ kind, mode, uid, gid, mtime, mtimeNanos, xattrs }: TarEntry): Metadata {
    // A symlink always has this mode (symlink(7)), whatever an archive says.
    return {
      mode: kind === "symlink" ? 0o777 : mode,
      uid,
      gid,
      mtime,
      mtimeNanos,
      xattrs: this.#shared(xattrs),
    };
  }

  /** Files often have the same attributes; they are kept once. */
  #shared(xattrs: readonly Xattr[]): readonly Xattr[] {
    if (xattrs.length === 0) return plainDirectory.xattrs;
    const key = xattrs
      .map(({ name, value }) => `${name}\0${value.length}\0${value.toString("latin1")}`)
      .join("");
    const known = this.#xattrs.get(key);
    if (known !== undefined) return known;
    this.#xattrBytes += key.length;
    if (this.#xattrBytes > maxXattrBytes)
      throw new TarMalformed("it has more than 256 MiB of extended attributes");
    const copy = xattrs.map(({ name, value }) => ({ name, value: Buffer.from(value) }));
    this.#xattrs.set(key, copy);
    return copy;
  }
}

/** What AUFS kept for itself (layer.md: `.wh..wh.` other than the opaque mark is skipped, as Docker does). */
const isAuxiliary = (names: readonly string[], last: string): boolean =>
  names.some((name) => name.startsWith(auxiliary)) ||
  (last.startsWith(auxiliary) && last !== opaque);

/** The name is copied: a part of a longer string would keep all of it in memory. */
function put(parent: Node, name: string, entry: Entry): void {
  const known = parent.children?.has(name) === true;
  parent.children?.set(known ? name : Buffer.from(name, "latin1").toString("latin1"), entry);
}

/** Takes away what layers below `layer` have in the directory. */
function clear(directory: Node, layer: number): void {
  if (directory.cleared === layer) return;
  directory.cleared = layer;
  for (const [name, entry] of directory.children ?? []) hide(directory, name, entry, layer);
}

function hide(parent: Node, name: string, entry: Entry, layer: number): void {
  const { node } = entry;
  const hasOwn = node.kind === "directory" && node.touched === layer;
  if (!hasOwn && entry.layer !== layer) parent.children?.delete(name);
  if (!hasOwn) return;
  if (entry.layer !== layer) {
    node.meta = plainDirectory;
    entry.layer = layer;
  }
  clear(node, layer);
}
