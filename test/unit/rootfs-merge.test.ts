import { describe, expect, test } from "vitest";
import { ByteSource } from "../../images/rootfs/byte-source.ts";
import { RootMerger } from "../../images/rootfs/merge.ts";
import type { Node } from "../../images/rootfs/node.ts";
import { lookUp } from "../../images/rootfs/resolve-path.ts";
import { readTar } from "../../images/rootfs/tar-reader.ts";
import { type TarItem, tarOf } from "./support/layers.ts";

async function merge(...layers: readonly (readonly TarItem[])[]): Promise<Node> {
  const merger = new RootMerger();
  for (const [index, items] of layers.entries()) {
    const source = new ByteSource(
      (async function* () {
        yield tarOf(items);
      })(),
    );
    for await (const entry of readTar(source)) merger.apply(entry, index);
  }
  return merger.root;
}

/** `name/` for a directory, `name>target` for a link, `name=LAYER.ORDINAL` for a file, in the order of names. */
function show(node: Node, prefix = ""): string[] {
  return [...(node.children ?? [])]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, { node: child }]) => {
      const path = `${prefix}${name}`;
      if (child.kind === "directory") return [`${path}/`, ...show(child, `${path}/`)];
      if (child.kind === "symlink") return [`${path}>${child.target}`];
      const { content } = child;
      if (content?.from === "layer") return [`${path}=${content.layer}.${content.ordinal}`];
      return [`${path}:${child.kind}`];
    });
}

const file = (name: string, more: Partial<TarItem> = {}): TarItem => ({ name, ...more });
const dir = (name: string, more: Partial<TarItem> = {}): TarItem => ({ name, type: "5", ...more });
const link = (name: string, target: string): TarItem => ({ name, type: "2", link: target });
const hard = (name: string, target: string): TarItem => ({ name, type: "1", link: target });

type Case = readonly [string, readonly (readonly TarItem[])[], readonly string[]];

const cases: readonly Case[] = [
  ["a later layer replaces a file", [[file("a")], [file("a")]], ["a=1.0"]],
  [
    "the last entry of a name in a layer counts",
    [[file("a"), file("b"), file("a")]],
    ["a=0.2", "b=0.1"],
  ],
  [
    "names begin with ./ or / or hold .. or //",
    [[file("./a"), file("/b"), file("x/../c"), file("d//e")]],
    ["a=0.0", "b=0.1", "c=0.2", "d/", "d/e=0.3"],
  ],
  ["missing parents are made", [[file("a/b/c")]], ["a/", "a/b/", "a/b/c=0.0"]],
  ["a directory keeps what it has", [[dir("d"), file("d/a")], [dir("d")]], ["d/", "d/a=0.1"]],
  ["a file replaces a directory", [[file("d/a")], [file("d")]], ["d=1.0"]],
  ["a directory replaces a file", [[file("d")], [dir("d"), file("d/a")]], ["d/", "d/a=1.1"]],
  [
    "a directory replaces a link to a directory",
    [[dir("usr/lib"), link("lib", "usr/lib")], [dir("lib")]],
    ["lib/", "usr/", "usr/lib/"],
  ],
  ["a whiteout removes a file", [[file("a"), file("b")], [file(".wh.a")]], ["b=0.1"]],
  ["a whiteout removes a directory", [[file("d/a"), file("e")], [file(".wh.d")]], ["e=0.1"]],
  [
    "a whiteout of what is not there is nothing",
    [[file("a")], [file(".wh.b"), file("x/.wh.y")]],
    ["a=0.0"],
  ],
  ["a whiteout before its own layer's file", [[file("a")], [file(".wh.a"), file("a")]], ["a=1.1"]],
  ["a whiteout behind its own layer's file", [[file("a")], [file("a"), file(".wh.a")]], ["a=1.0"]],
  [
    "a whiteout before its own layer's directory",
    [[file("d/old")], [file(".wh.d"), file("d/new")]],
    ["d/", "d/new=1.1"],
  ],
  [
    "a whiteout behind its own layer's directory",
    [
      [file("d/old"), file("d/s/old")],
      [file("d/s/new"), file(".wh.d")],
    ],
    ["d/", "d/s/", "d/s/new=1.0"],
  ],
  [
    "a whiteout hides nothing of its own layer",
    [[], [file(".wh.a"), file("b"), file(".wh.b")]],
    ["b=1.1"],
  ],
  [
    "an opaque directory first",
    [[file("d/old")], [dir("d"), file("d/.wh..wh..opq"), file("d/new")]],
    ["d/", "d/new=1.2"],
  ],
  [
    "an opaque directory last",
    [
      [file("d/old"), file("d/s/old")],
      [file("d/s/new"), file("d/.wh..wh..opq")],
    ],
    ["d/", "d/s/", "d/s/new=1.0"],
  ],
  [
    "an opaque root",
    [
      [file("a"), file("b")],
      [file(".wh..wh..opq"), file("b")],
    ],
    ["b=1.1"],
  ],
  [
    "a later layer brings back what was removed",
    [[file("a")], [file(".wh.a")], [file("a")]],
    ["a=2.0"],
  ],
  [
    "what AUFS kept for itself is left out",
    [[dir(".wh..wh.plnk"), file(".wh..wh.plnk/1.2"), file(".wh..wh.aufs"), file("a")]],
    ["a=0.3"],
  ],
  ["a hard link in one layer", [[file("a"), hard("b", "a")]], ["a=0.0", "b=0.0"]],
  ["a hard link to an earlier layer", [[file("a")], [hard("b", "./a")]], ["a=0.0", "b=0.0"]],
  [
    "a hard link keeps what is removed later",
    [[file("a"), hard("b", "/a")], [file(".wh.a")]],
    ["b=0.0"],
  ],
  [
    "a hard link keeps what is replaced later",
    [[file("a"), hard("b", "a")], [file("a")]],
    ["a=1.0", "b=0.0"],
  ],
  ["a hard link to itself is nothing", [[file("a"), hard("a", "a")]], ["a=0.0"]],
  ["a hard link of a link", [[link("a", "x"), hard("b", "a")]], ["a>x", "b>x"]],
  [
    "a hard link through a linked directory",
    [[file("usr/lib/a"), link("lib", "usr/lib")], [hard("b", "lib/a")]],
    ["b=0.0", "lib>usr/lib", "usr/", "usr/lib/", "usr/lib/a=0.0"],
  ],
  [
    "files below a link of an earlier layer",
    [[dir("usr/lib"), link("lib", "usr/lib")], [file("lib/a")]],
    ["lib>usr/lib", "usr/", "usr/lib/", "usr/lib/a=1.0"],
  ],
  [
    "files below an absolute link",
    [[dir("usr/lib"), link("lib", "/usr/lib")], [file("lib/a")]],
    ["lib>/usr/lib", "usr/", "usr/lib/", "usr/lib/a=1.0"],
  ],
  [
    "files below a link that leads out stay inside",
    [[link("x", "../../../y")], [file("x/a")]],
    ["x>../../../y", "y/", "y/a=1.0"],
  ],
  [
    "a whiteout below a link",
    [[file("usr/lib/a"), link("lib", "usr/lib")], [file("lib/.wh.a")]],
    ["lib>usr/lib", "usr/", "usr/lib/"],
  ],
  [
    "a whiteout of a link does not follow it",
    [[file("usr/lib/a"), link("lib", "usr/lib")], [file(".wh.lib")]],
    ["usr/", "usr/lib/", "usr/lib/a=0.0"],
  ],
  [
    "devices and pipes",
    [
      [
        file("n", { type: "3", device: [1, 3] }),
        file("b", { type: "4" }),
        file("p", { type: "6" }),
      ],
    ],
    ["b:block", "n:char", "p:fifo"],
  ],
  ["a name that is not UTF-8", [[{ name: Buffer.from([0xff, 0x61]) }]], ["\xffa=0.0"]],
  ["a file whose name ends in a slash is a directory", [[{ name: "d/", type: "0" }]], ["d/"]],
];

describe("layers over each other", () => {
  test.each(cases)("%s", async (_, layers, expected) => {
    expect(show(await merge(...layers))).toEqual(expected);
  });

  test("metadata of a directory is that of the last layer that has it", async () => {
    const root = await merge(
      [dir("d", { mode: 0o700, uid: 1, pax: { "SCHILY.xattr.user.a": "1" } }), file("d/a")],
      [dir("d", { mode: 0o2755, uid: 2, mtime: 5 }), dir("./", { mode: 0o711 })],
      [file("d/b")],
    );
    expect(lookUp(root, "/d")?.meta).toMatchObject({ mode: 0o2755, uid: 2, mtime: 5, xattrs: [] });
    expect(root.meta.mode).toBe(0o711);
  });

  test("a directory that was removed and implied again is plain, in either order", async () => {
    const before = [dir("d", { mode: 0o700, uid: 7 }), file("d/a")];
    for (const layer of [
      [file(".wh.d"), file("d/b")],
      [file("d/b"), file(".wh.d")],
    ]) {
      const root = await merge(before, layer);
      expect(lookUp(root, "/d")?.meta).toMatchObject({ mode: 0o755, uid: 0 });
    }
  });

  test("hard links are one inode as long as both names stand", async () => {
    const root = await merge([file("a"), hard("b", "a")], [hard("c", "b")]);
    expect(lookUp(root, "/c")).toBe(lookUp(root, "/a"));
  });
});

describe("what cannot be", () => {
  test.each<readonly [string, readonly (readonly TarItem[])[], RegExp]>([
    ["a way out of the root", [[file("../a")]], /'\.\.\/a' leads out of the root/],
    ["a way out in the middle", [[file("a/../../b")]], /leads out of the root/],
    ["a file without a name", [[file("")]], /has no name/],
    ["a root that is a file", [[{ name: "./", type: "2", link: "x" }]], /has no name/],
    [
      "a file below a file",
      [[file("a")], [file("a/b")]],
      /below something that is not a directory/,
    ],
    [
      "links in circles",
      [[link("a", "b"), link("b", "a")], [file("a/x")]],
      /too many symbolic links/,
    ],
    ["a hard link to nothing", [[hard("b", "a")]], /links to 'a', which does not exist/],
    [
      "a hard link to a directory",
      [[dir("a"), hard("b", "a")]],
      /links to 'a', which is a directory/,
    ],
    ["a hard link out of the root", [[hard("b", "../a")]], /which is not a file/],
    ["a symbolic link to nothing", [[{ name: "a", type: "2" }]], /target is empty/],
    ["a whiteout without a name", [[file("d/.wh.")]], /without a name/],
    ["a whiteout of its own directory", [[file("d/.wh..")]], /without a name/],
    ["a file below a whiteout", [[file(".wh.a/b")]], /below the mark of a removed file/],
    ["a name of 256 bytes", [[file("x".repeat(256))]], /longer than 255 bytes/],
    ["a path of 4096 bytes", [[file("x/".repeat(2048))]], /longer than 4095 bytes/],
    ["a deep path", [[file("x/".repeat(1500))]], /deeper than 1024/],
    [
      "a deep path by links",
      [[dir("x/".repeat(900)), link("l", "x/".repeat(900))], [file(`l/${"y/".repeat(900)}`)]],
      /deeper than 1024/,
    ],
  ])("%s is refused", async (_, layers, words) => {
    await expect(merge(...layers)).rejects.toThrow(words);
  });
});
