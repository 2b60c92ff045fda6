/** The file system that is written, in the eyes of others: erofs-utils, and the kernel of this host where it mounts it. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { blobPath, type OciImageFacts } from "../../images/origins/oci-layout.ts";
import type { RootExtra } from "../../images/rootfs/extras.ts";
import type { RootTree } from "../../images/rootfs/root-tree.ts";
import { writeRootImage } from "../../images/rootfs/write-image.ts";
import { gzipLayer, imageOf, type TarItem } from "../unit/support/layers.ts";

const never = new AbortController().signal;
const capability = Buffer.from("0100000280ff0000000000000000000000000000", "hex");

const write = (
  image: OciImageFacts,
  target: string,
  extra: readonly RootExtra[] = [],
): Promise<RootTree> =>
  writeRootImage({ image, target, extra, onProgress: () => undefined, signal: never });

/** What fsck.erofs says. Its exit code is 0 whatever it finds (erofs-utils 1.5). */
function fsck(...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync("fsck.erofs", args, { encoding: "utf8" });
  return stdout + stderr;
}

type Listing = Record<string, Record<string, unknown>>;

const list = (folder: string): Listing =>
  JSON.parse(
    execFileSync("python3", [join(import.meta.dirname, "support", "list_tree.py"), folder], {
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
    }),
  ) as Listing;

/** Mounts the file while `look` runs. Where this user may not mount, the test is skipped: nothing is proved there. */
async function mounted<T>(
  target: string,
  skip: (reason: string) => never,
  look: (folder: string) => T,
): Promise<T> {
  const folder = `${target}.mnt`;
  await mkdir(folder);
  const result = spawnSync("mount", ["-t", "erofs", "-o", "loop,ro", target, folder], {
    encoding: "utf8",
  });
  if (result.status !== 0) return skip(`This host does not mount EROFS for us: ${result.stderr}`);
  try {
    return look(folder);
  } finally {
    execFileSync("umount", [folder]);
  }
}

/** Contents at the edges of blocks, and enough names for several blocks of a directory. */
const ordinary: readonly TarItem[] = [
  { name: "./", mode: 0o755, mtime: 5 },
  ...[0, 1, 4095, 4096, 4097, 70_000].map((size) => ({
    name: `sizes/${size}`,
    content: Buffer.alloc(size, `${size} `),
  })),
  {
    name: "holes",
    content: Buffer.concat([
      Buffer.alloc(300_000),
      Buffer.from("x"),
      Buffer.alloc(2_500_000),
      Buffer.from("y"),
    ]),
  },
  ...Array.from({ length: 700 }, (_, index) => ({
    name: `many/${"n".repeat(index % 180)}${index}`,
  })),
  { name: `${"d/".repeat(200)}deep` },
  { name: "many/!before dots", content: "!" },
  { name: `long/${"x".repeat(255)}`, type: "2", link: "y/".repeat(1900) },
  { name: "short", type: "2", link: "a" },
];

/** What only root can make on an ordinary file system. */
const special: readonly TarItem[] = [
  { name: "setuid", mode: 0o6755, uid: 1000, gid: 4_294_967 % 65536, mtime: 1_700_000_000 },
  { name: "sticky/", mode: 0o1777, uid: 7, gid: 8, mtime: 1 },
  { name: "owner", pax: { uid: "4294967294", gid: "70000", mtime: "1700000000.123456789" } },
  { name: "old", pax: { mtime: "-1.5" } },
  { name: "capable", content: "c", pax: { "SCHILY.xattr.security.capability": capability } },
  {
    name: "attributes",
    content: "a",
    pax: {
      "SCHILY.xattr.user.empty": "",
      "SCHILY.xattr.user.large": Buffer.alloc(3000, 0xff),
      "SCHILY.xattr.trusted.t": "t",
      "SCHILY.xattr.security.selinux": "system_u:object_r:etc_t:s0\0",
    },
  },
  { name: "labelled/", pax: { "SCHILY.xattr.security.selinux": "system_u:object_r:usr_t:s0\0" } },
  { name: "null", type: "3", device: [1, 3], mode: 0o666 },
  { name: "disk", type: "4", device: [259, 300], mode: 0o660, gid: 6 },
  { name: "pipe", type: "6", mode: 0o600 },
  { name: "hard/one", content: "one" },
  { name: "hard/two", type: "1", link: "hard/one" },
  { name: "hard/three", type: "1", link: "hard/two" },
  { name: "hard/link", type: "2", link: "one" },
  { name: "hard/same link", type: "1", link: "hard/link" },
  { name: Buffer.from([0xff, 0xfe, 0x61]), content: "bytes" },
  { name: "snowman \u2603", content: "utf8" },
];

describe("the file system", () => {
  test("fsck.erofs has nothing to say, and takes out what went in", async () => {
    await using folder = await createWorkspace("erofs");
    const target = join(folder.path, "root");
    const image = await imageOf(join(folder.path, "oci"), [gzipLayer(ordinary)]);
    await write(image, target);
    const taken = join(folder.path, "taken");
    expect(fsck("--no-preserve", `--extract=${taken}`, target)).toBe("");
    for (const { name, content = "", type } of ordinary) {
      if (type !== undefined || String(name).endsWith("/")) continue;
      expect(
        Buffer.compare(await readFile(join(taken, String(name))), Buffer.from(content as string)),
      ).toBe(0);
    }
    const facts = execFileSync("dump.erofs", ["-s", target], { encoding: "utf8" });
    expect(facts).toMatch(/features: +sb_csum mtime/);
    const { size, blocks } = await stat(target);
    expect(size % 4096).toBe(0);
    // The holes of one file alone are 2.8 MB.
    expect(blocks * 512).toBeLessThan(size - 2_000_000);
  });

  test("fsck.erofs sees a damaged superblock", async () => {
    await using folder = await createWorkspace("erofs");
    const target = join(folder.path, "root");
    await write(await imageOf(join(folder.path, "oci"), [gzipLayer(ordinary)]), target);
    const bytes = await readFile(target);
    bytes.writeUInt8(1, 1024 + 100);
    await writeFile(target, bytes);
    expect(fsck(target)).toMatch(/superblock chksum doesn't match/);
  });

  test("attributes that no kernel reads are refused with their file", async () => {
    await using folder = await createWorkspace("erofs");
    const half = Buffer.alloc(40_000, 1);
    const layer = (...values: Buffer[]) =>
      gzipLayer([
        {
          name: "etc/a",
          pax: Object.fromEntries(
            values.map((value, index) => [`SCHILY.xattr.user.${index}`, value]),
          ),
        },
      ]);
    for (const [index, values] of [[half, half], [Buffer.alloc(70_000)]].entries()) {
      const image = await imageOf(join(folder.path, `oci${index}`), [layer(...values)]);
      const made = write(image, join(folder.path, "root"));
      await expect(made).rejects.toThrow(/file '\/etc\/a' .* attributes of more than 64 KiB/);
    }
    await write(await imageOf(join(folder.path, "oci"), [layer(half)]), join(folder.path, "root"));
    expect(fsck(join(folder.path, "root"))).toBe("");
  });

  test("the kernel shows what GNU tar unpacks as root", async ({ skip }) => {
    if (process.getuid?.() !== 0) skip("Only root can unpack owners and devices to compare with.");
    await using folder = await createWorkspace("erofs");
    const target = join(folder.path, "root");
    const layer = gzipLayer([...ordinary, ...special]);
    await write(await imageOf(join(folder.path, "oci"), [layer]), target);
    const unpacked = join(folder.path, "unpacked");
    await mkdir(unpacked);
    const how = [
      "--numeric-owner",
      "--xattrs",
      "--xattrs-include=*",
      "--delay-directory-restore",
      "-xpC",
      unpacked,
    ];
    execFileSync("tar", how, { input: layer.plain, stdio: ["pipe", "pipe", "inherit"] });
    const expected = withoutImplied(list(unpacked));
    const shown = withoutImplied(await mounted(target, skip, list));
    expect(Object.keys(shown)).toEqual(Object.keys(expected));
    expect(shown).toEqual(expected);
    expect(shown["./capable"]?.xattrs).toEqual([
      ["security.capability", capability.toString("hex")],
    ]);
  });

  test("layers, links across them, and extras", async ({ skip }) => {
    await using folder = await createWorkspace("erofs");
    const target = join(folder.path, "root");
    const image = await imageOf(join(folder.path, "oci"), [
      gzipLayer([
        { name: "usr/lib/a", content: "old a" },
        { name: "lib", type: "2", link: "usr/lib" },
        { name: "gone", content: "gone" },
      ]),
      gzipLayer([
        { name: "kept", type: "1", link: "gone" },
        { name: "lib/b", content: "b" },
        { name: "lib/a", content: "new a" },
      ]),
      gzipLayer([{ name: ".wh.gone" }]),
    ]);
    const blob = blobPath(image.layout, image.layers[0]?.digest ?? image.digest);
    const tree = await write(image, target, [
      { path: "/.bootgate/oci/blob", mode: 0o444, content: { file: blob } },
      { path: "/.bootgate/run", mode: 0o755, content: Buffer.from("#!/bin/sh\n") },
      { path: "/lib/c", mode: 0o600, content: Buffer.from("c") },
      { path: "/to", mode: 0, content: { link: "usr" } },
      { path: "/empty", mode: 0o700, content: { directory: true } },
    ]);
    expect((await tree.readFile("/to/lib/a", 10)).toString()).toBe("new a");
    expect((await tree.readFile("/.bootgate/run", 10)).toString()).toBe("#!/bin/sh\n");
    expect(tree.lookup("/gone")).toBeNull();
    expect(tree.lookup("/empty")).toMatchObject({ kind: "directory", mode: 0o700 });
    const taken = join(folder.path, "taken");
    expect(fsck("--no-preserve", `--extract=${taken}`, target)).toBe("");
    const text = (path: string): Promise<string> => readFile(join(taken, path), "utf8");
    expect(await Promise.all(["usr/lib/a", "usr/lib/b", "usr/lib/c", "kept"].map(text))).toEqual([
      "new a",
      "b",
      "c",
      "gone",
    ]);
    expect(
      Buffer.compare(await readFile(join(taken, ".bootgate/oci/blob")), await readFile(blob)),
    ).toBe(0);
    const shown = await mounted(target, skip, list);
    expect(shown["./.bootgate/run"]).toMatchObject({ mode: "0o100755", owner: [0, 0] });
    expect(shown["./kept"]).toMatchObject({ links: 1 });
  });
});

/** Times of directories that no entry describes are not told by the archive, nor are those of the tree's maker. */
function withoutImplied(listing: Listing): Listing {
  const implied = /^\.\/(sizes|many|long|hard|d(\/d)*)$/;
  return Object.fromEntries(
    Object.entries(listing).map(([path, facts]) => [
      path,
      implied.test(path) ? { ...facts, mtime: "any" } : facts,
    ]),
  );
}
