import { execFileSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { HostUnfit, UsageError } from "../../harness/base/errors.ts";
import { runCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { blobPath } from "../../images/origins/oci-layout.ts";
import { readRootTree } from "../../images/rootfs/root-tree.ts";
import { writeRootImage } from "../../images/rootfs/write-image.ts";
import { gzipLayer, imageOf, type LayerFile, type TarItem, tarOf } from "../unit/support/layers.ts";

const never = new AbortController().signal;
const quiet = (): void => undefined;

/** Noise, so that a compressed layer is long enough to be damaged in its middle. */
const noise = Buffer.alloc(300_000, 0).map((_, index) => (index * 2654435761) >>> (index % 13));
const items: readonly TarItem[] = [
  { name: "usr/a", content: Buffer.from(noise) },
  { name: "b", content: "b" },
  // What is left unread when the files before it are all that is wanted.
  { name: "usr/z", content: Buffer.concat([noise, noise, noise, noise]) },
];
const plainLayer = (
  plain: Buffer,
  mediaType = "application/vnd.oci.image.layer.v1.tar",
): LayerFile => ({ plain, blob: plain, mediaType });
const zstdLayer = (plain: Buffer): LayerFile => ({
  plain,
  blob: execFileSync("zstd", ["-q", "-c"], { input: plain }),
  mediaType: "application/vnd.oci.image.layer.v1.tar+zstd",
});

describe("layers of each compression", () => {
  test.each<readonly [string, LayerFile]>([
    ["gzip", gzipLayer(items)],
    [
      "gzip in two members",
      {
        plain: tarOf(items),
        blob: Buffer.concat([
          gzipSync(tarOf(items).subarray(0, 5000)),
          gzipSync(tarOf(items).subarray(5000)),
        ]),
      },
    ],
    ["zstd", zstdLayer(tarOf(items))],
    [
      "zstd behind a frame to skip",
      {
        ...zstdLayer(tarOf(items)),
        blob: Buffer.concat([
          Buffer.from("502a4d1804000000", "hex"),
          Buffer.from("note"),
          zstdLayer(tarOf(items)).blob,
        ]),
      },
    ],
    ["none", plainLayer(tarOf(items))],
    [
      "another than its type says",
      { ...gzipLayer(items), mediaType: "application/vnd.oci.image.layer.v1.tar+zstd" },
    ],
    [
      "Docker's type",
      { ...gzipLayer(items), mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip" },
    ],
  ])("%s", async (_, layer) => {
    await using folder = await createWorkspace("rootfs");
    const image = await imageOf(join(folder.path, "oci"), [layer]);
    const tree = await readRootTree(image, { signal: never });
    expect(tree.list("/")).toEqual([
      { name: "b", kind: "file" },
      { name: "usr", kind: "directory" },
    ]);
    expect(Buffer.compare(await tree.readFile("/usr/a", 1e6), Buffer.from(noise))).toBe(0);
    await tree.extract("usr/a", join(folder.path, "a"));
    expect(Buffer.compare(await readFile(join(folder.path, "a")), Buffer.from(noise))).toBe(0);
  });
});

describe("a layer that is damaged or cannot be", () => {
  const damage = async (path: string): Promise<void> => {
    const bytes = await readFile(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0xff;
    await writeFile(path, bytes);
  };
  const cut = async (path: string): Promise<void> =>
    truncate(path, (await readFile(path)).length >> 1);
  const intact = async (): Promise<void> => undefined;
  const rest = gzipLayer([{ name: "c" }]);
  const half = gzipLayer(items);
  test.each<readonly [string, LayerFile, (path: string) => Promise<void>, RegExp]>([
    [
      "gzip damaged",
      gzipLayer(items),
      damage,
      /Layer 2 of 3 .* is damaged: the blob is not what its name says/,
    ],
    ["gzip cut off", gzipLayer(items), cut, /Layer 2 of 3 .* is damaged/],
    ["zstd damaged", zstdLayer(tarOf(items)), damage, /Layer 2 of 3 .* is damaged/],
    ["zstd cut off", zstdLayer(tarOf(items)), cut, /Layer 2 of 3 .* is damaged/],
    [
      "tar damaged in a file's bytes",
      plainLayer(tarOf(items)),
      damage,
      /Layer 2 of 3 .* is damaged/,
    ],
    ["tar cut off", plainLayer(tarOf(items)), cut, /Layer 2 of 3 .* is damaged/],
    [
      "gzip that was made cut off",
      { ...half, blob: half.blob.subarray(0, half.blob.length >> 1) },
      intact,
      /Layer 2 of 3 .* cannot be read: it does not unpack as gzip/,
    ],
    [
      "zstd that was made cut off",
      { ...zstdLayer(tarOf(items)), blob: zstdLayer(tarOf(items)).blob.subarray(0, 900) },
      intact,
      /cannot be read: it does not unpack as zstd/,
    ],
    [
      "a wrong diff_id",
      { ...half, plain: Buffer.from("x") },
      intact,
      /cannot be read: it does not unpack to what the image's configuration says/,
    ],
    [
      "tar that was made cut off",
      plainLayer(tarOf(items).subarray(0, 3000)),
      intact,
      /cannot be read: its archive is cut off/,
    ],
    [
      "no tar at all",
      plainLayer(Buffer.alloc(4096, 1)),
      intact,
      /cannot be read: it has a header whose checksum is wrong/,
    ],
    [
      "a way out of the root",
      gzipLayer([{ name: "../x" }]),
      intact,
      /cannot be read: its entry '\.\.\/x' leads out/,
    ],
  ])("%s", async (_, layer, harm, words) => {
    await using folder = await createWorkspace("rootfs");
    const image = await imageOf(join(folder.path, "oci"), [rest, layer, rest]);
    await harm(blobPath(image.layout, image.layers[1]?.digest ?? image.digest));
    const out = join(folder.path, "out");
    await mkdir(out);
    const make = writeRootImage({
      image,
      target: join(out, "root"),
      extra: [],
      onProgress: quiet,
      signal: never,
    });
    await expect(make).rejects.toThrow(words);
    await expect(make).rejects.toBeInstanceOf(UsageError);
    expect(await readdir(out)).toEqual([]);
  });

  test("a layer that is not an archive, and a configuration that names other layers", async () => {
    await using folder = await createWorkspace("rootfs");
    const odd = await imageOf(join(folder.path, "a"), [
      plainLayer(Buffer.from("{}"), "application/vnd.in-toto+json"),
    ]);
    await expect(readRootTree(odd, { signal: never })).rejects.toThrow(
      /not the root of an operating system/,
    );
    const image = await imageOf(join(folder.path, "b"), [rest, rest]);
    const short = { ...image, layers: image.layers.slice(1) };
    await expect(readRootTree(short, { signal: never })).rejects.toThrow(
      /names 2 layers .* its manifest 1/,
    );
  });
});

describe("a root that is not finished leaves nothing", () => {
  test("it was called off", async () => {
    await using folder = await createWorkspace("rootfs");
    for (const layer of [gzipLayer(items), zstdLayer(tarOf(items)), plainLayer(tarOf(items))]) {
      const image = await imageOf(join(folder.path, layer.mediaType?.slice(-4) ?? "gzip"), [layer]);
      const out = join(folder.path, "out");
      await mkdir(out, { recursive: true });
      const calledOff = new AbortController();
      let half = false;
      const onProgress = (done: number, total: number): void => {
        if (done * 2 > total) calledOff.abort(new Error("called off"));
        half ||= readdirSync(out).length > 0;
      };
      const make = writeRootImage({
        image,
        target: join(out, "root"),
        extra: [],
        onProgress,
        signal: calledOff.signal,
      });
      await expect(make).rejects.toThrow("called off");
      expect(half).toBe(true);
      expect(await readdir(out)).toEqual([]);
    }
  });

  test("a file of the caller's grows meanwhile, or is not there", async () => {
    await using folder = await createWorkspace("rootfs");
    const image = await imageOf(join(folder.path, "oci"), [gzipLayer(items)]);
    const grows = join(folder.path, "grows");
    await writeFile(grows, "a");
    const out = join(folder.path, "out");
    await mkdir(out);
    const make = (
      file: string,
      onProgress: (done: number, total: number) => void,
    ): Promise<unknown> =>
      writeRootImage({
        image,
        target: join(out, "root"),
        extra: [
          { path: "/x", mode: 0o644, content: { file } },
          { path: "/y", mode: 0o644, content: { file: grows } },
        ],
        onProgress,
        signal: never,
      });
    const grow = (done: number, total: number): void => {
      if (done * 2 > total) writeFileSync(grows, "aa");
    };
    await expect(make(grows, grow)).rejects.toThrow(/changed while it was copied/);
    await expect(make(join(folder.path, "none"), quiet)).rejects.toThrow(/ENOENT/);
    expect(await readdir(out)).toEqual([]);
  });
});

describe("no space is the host's fault", () => {
  test("more is wanted than is free", async () => {
    await using folder = await createWorkspace("rootfs");
    const image = await imageOf(join(folder.path, "oci"), [gzipLayer(items)]);
    const file = join(folder.path, "huge");
    await writeFile(file, "");
    await truncate(file, 8 * 1024 ** 4);
    const extra = [{ path: "/x", mode: 0o644, content: { file } }];
    const out = join(folder.path, "out");
    await mkdir(out);
    const make = writeRootImage({
      image,
      target: join(out, "root"),
      extra,
      onProgress: quiet,
      signal: never,
    });
    await expect(make).rejects.toThrow(/not enough space .*\n.*8\.0 TiB are needed/);
    await expect(make).rejects.toBeInstanceOf(HostUnfit);
    expect(await readdir(out)).toEqual([]);
  });

  test("the disk is full half-way", async () => {
    await using folder = await createWorkspace("rootfs");
    const image = await imageOf(join(folder.path, "oci"), [gzipLayer(items)]);
    const out = join(folder.path, "out");
    await mkdir(out);
    const script = join(import.meta.dirname, "support", "writes-a-root.ts");
    const node = [process.execPath, "--import", "tsx", script, image.layout, join(out, "root")];
    const { stdout } = await runCommand("prlimit", ["--fsize=100000", "--", ...node]);
    expect(stdout).toMatch(/^HostUnfit: There is not enough space for the image's root/);
    expect(await readdir(out)).toEqual([]);
  });
});
