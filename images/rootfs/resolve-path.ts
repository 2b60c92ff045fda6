/** Paths inside a merged root: symlinks are followed as the kernel does after chroot(2), so that none leads outside. */
import type { Node } from "./node.ts";

/** The path leads nowhere. The message is the end of a sentence. */
export class BadPath extends Error {}

/** As in the kernel (path_resolution(7)). */
const maxLinks = 40;
/** A tree is walked by recursion; a path of the kernel has at most half of 4096 bytes of slashes. */
export const maxDepth = 1024;

/**
 * Names of a path without `.`, with `..` taken away before any link is followed, as Go's filepath.Clean does for the
 * names in a layer. Null for a path that leads above the root.
 */
export function cleanPath(path: string): string[] | null {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (names.pop() === undefined) return null;
  }
  return names;
}

export interface WalkOptions {
  /** Makes a directory that is missing; without it a missing one gives null. */
  readonly make?: (parent: Node, name: string) => Node;
  /** What stands at the end may be something else than a directory. */
  readonly anyKind?: boolean;
}

/** The nodes from the root to the one that `names` lead to, every link followed, or null. Throws BadPath. */
export function walk(
  root: Node,
  names: readonly string[],
  { make, anyKind = false }: WalkOptions = {},
): Node[] | null {
  const stack: Node[] = [root];
  const pending = [...names].reverse();
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === "" || name === ".") continue;
    const here = stack.at(-1) ?? root;
    if (here.kind !== "directory")
      throw new BadPath("lies below something that is not a directory");
    if (name === "..") {
      if (stack.length > 1) stack.pop();
      continue;
    }
    const node = here.children?.get(name)?.node ?? make?.(here, name);
    if (node === undefined) return null;
    if (node.kind === "symlink") {
      if (++links > maxLinks) throw new BadPath("leads through too many symbolic links");
      if (node.target.startsWith("/")) stack.length = 1;
      pending.push(...node.target.split("/").reverse());
    } else if (stack.push(node) > maxDepth) {
      throw new BadPath(`is deeper than ${maxDepth} directories`);
    }
  }
  if (anyKind || stack.at(-1)?.kind === "directory") return stack;
  throw new BadPath("lies below something that is not a directory");
}

/** The node at `path` with every link followed, or null where the path leads nowhere. */
export function lookUp(root: Node, path: string): Node | null {
  try {
    return walk(root, path.split("/"), { anyKind: true })?.at(-1) ?? null;
  } catch (error) {
    if (error instanceof BadPath) return null;
    throw error;
  }
}
