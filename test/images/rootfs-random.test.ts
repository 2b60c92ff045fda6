/** Random layers, merged by the tree and by a flat list of paths: two ways to say the same rules. */
import { expect, test } from "vitest";
import { RootMerger } from "../../images/rootfs/merge.ts";
import type { Node } from "../../images/rootfs/node.ts";
import type { TarEntry, TarKind } from "../../images/rootfs/tar-reader.ts";

interface Step {
  readonly name: string;
  readonly kind: TarKind;
  readonly id: number;
  readonly link: string;
}

/** Paths with `kind:id`, the id being the entry that made it, or `plain` for a directory that nothing describes. */
type Flat = Map<string, string>;

const below = (path: string, parent: string): boolean => path.startsWith(`${parent}/`);

/** Removes first what the layer hides of those below, then adds in the order of the layer. Null for what cannot be. */
function applyFlat(lower: Flat, layer: readonly Step[]): Flat | null {
  const out = new Map(lower);
  const drop = (isHidden: (path: string) => boolean): void => {
    for (const path of [...out.keys()]) if (isHidden(path)) out.delete(path);
  };
  for (const { name } of layer) {
    const [, parent = "", mark = ""] = /^(.*?)\/?\.wh\.(.+)$/.exec(name) ?? [];
    if (mark === ".wh..opq") drop((path) => parent === "" || below(path, parent));
    else if (mark !== "") {
      const hidden = parent === "" ? mark : `${parent}/${mark}`;
      drop((path) => path === hidden || below(path, hidden));
    }
  }
  for (const { name, kind, id, link } of layer) {
    if (name.includes(".wh.")) continue;
    const parts = name.split("/");
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = parts.slice(0, depth).join("/");
      const there = out.get(parent) ?? "directory:plain";
      if (!there.startsWith("directory")) return null;
      out.set(parent, there);
    }
    const target = kind === "hardlink" ? out.get(link) : `${kind}:${id}`;
    if (target === undefined || (kind === "hardlink" && target.startsWith("directory")))
      return null;
    if (kind !== "directory") drop((path) => below(path, name));
    out.set(name, target);
  }
  return out;
}

function flatten(node: Node, prefix = ""): [string, string][] {
  return [...(node.children ?? [])].flatMap(([name, { node: child }]) => {
    const id = child.meta.uid === 0 ? "plain" : child.meta.uid;
    const own: [string, string] = [`${prefix}${name}`, `${child.kind}:${id}`];
    return [own, ...flatten(child, `${prefix}${name}/`)];
  });
}

const entryOf = ({ name, kind, id, link }: Step): TarEntry => ({
  ordinal: 0,
  name,
  kind,
  mode: 0o644,
  uid: id,
  gid: 0,
  size: 0,
  mtime: 0,
  mtimeNanos: 0,
  link,
  major: 0,
  minor: 0,
  xattrs: [],
  sparse: null,
});

/** Park and Miller's numbers: the same ones on each run. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 48271) % 2147483647;
    return state % limit;
  };
}

function randomLayer(next: (below: number) => number, firstId: number): Step[] {
  const path = (): string => Array.from({ length: 1 + next(4) }, () => "abc"[next(3)]).join("/");
  const steps = Array.from({ length: 1 + next(8) }, (_, index): Step => {
    const id = firstId + index;
    const name = path();
    const dice = next(13);
    if (dice === 0) return { name: `${name}/.wh..wh..opq`, kind: "file", id, link: "" };
    if (dice <= 2) return { name: name.replace(/[abc]$/, ".wh.$&"), kind: "file", id, link: "" };
    if (dice <= 7) return { name, kind: "directory", id, link: "" };
    if (dice === 8 && next(3) === 0) return { name, kind: "hardlink", id, link: path() };
    return { name, kind: dice === 9 ? "fifo" : "file", id, link: "" };
  });
  // Marks stand first, as layer.md asks of those who write layers, in all but a third of them.
  return next(3) === 0 ? steps : steps.sort((a, b) => Number(isMark(b)) - Number(isMark(a)));
}

const isMark = ({ name }: Step): boolean => name.includes(".wh.");

const hasMarksFirst = (layer: readonly Step[]): boolean =>
  layer.findLastIndex(isMark) === layer.filter(isMark).length - 1;

test("both agree on thousands of images", () => {
  let agreed = 0;
  let refused = 0;
  for (let seed = 1; seed <= 6000; seed++) {
    const next = numbersFrom(seed * 7919);
    const layers = Array.from({ length: 1 + next(4) }, (_, index) =>
      randomLayer(next, 1 + index * 100),
    );
    const merger = new RootMerger();
    let flat: Flat | null = new Map();
    let isRefused = false;
    for (const [index, layer] of layers.entries()) {
      flat = flat === null ? null : applyFlat(flat, layer);
      try {
        for (const step of layer) merger.apply(entryOf(step), index);
      } catch {
        isRefused = true;
        break;
      }
    }
    if (flat === null || isRefused) {
      refused++;
      // A mark behind what it hides may come too late for what stands before it.
      if (layers.every(hasMarksFirst)) expect([flat === null, isRefused]).toEqual([true, true]);
      continue;
    }
    agreed++;
    const [shown, wanted] = [new Map(flatten(merger.root)), flat].map((paths) => [...paths].sort());
    if (JSON.stringify(shown) !== JSON.stringify(wanted))
      expect(shown, JSON.stringify({ seed, layers })).toEqual(wanted);
  }
  expect(agreed).toBeGreaterThan(2000);
  expect(refused).toBeGreaterThan(100);
});
