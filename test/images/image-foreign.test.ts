// Disks of other hypervisors, made and converted by the real qemu-img; bzip2 by the real bzip2.
import { mkdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HostUnfit, UsageError } from "../../harness/base/errors.ts";
import { runCommand } from "../../harness/base/process.ts";
import { asDigest } from "../../harness/base/units.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { unpackDisk } from "../../images/origins/unpack.ts";
import { type ResolveOptions, resolveImage } from "../../images/resolve.ts";
import { gptDisk, MiB } from "../contract/support/disks.ts";
import { lyingIn } from "../contract/support/lying-in.ts";

const { signal } = new AbortController();
const optionsFor = (folder: string, lines: string[] = []): ResolveOptions => ({
  catalogue: { path: "c.yaml", directory: folder, images: {} },
  cacheDir: join(folder, "cache"),
  cwd: folder,
  signal,
  onProgress: (line) => lines.push(line),
  reference: async () => {
    throw new Error("Nothing of this is built.");
  },
});

async function makeDisk(folder: string, format: string, ...more: string[]): Promise<string> {
  const raw = join(folder, "raw");
  await writeFile(raw, gptDisk());
  const path = join(folder, `disk.${format}`);
  await runCommand("qemu-img", ["convert", "-f", "raw", "-O", format, ...more, raw, path]);
  return path;
}

test.each<[string, string[], RegExp]>([
  ["vmdk", ["-o", "subformat=monolithicSparse"], /VMDK, monolithicSparse/],
  ["vmdk", ["-o", "subformat=streamOptimized"], /VMDK, streamOptimized/],
  ["vhdx", [], /VHDX/],
  ["vpc", ["-o", "subformat=dynamic,force_size=on"], /dynamic VHD/],
])("%s %j boots from a qcow2 of the same content, made once", async (format, more, words) => {
  await using folder = await createWorkspace("foreign");
  const made = await makeDisk(folder.path, format, ...more);
  // Nothing goes by the name.
  const path = join(folder.path, "disk.img");
  await runCommand("mv", [made, path]);
  const lines: string[] = [];
  const image = await resolveImage("disk.img", optionsFor(folder.path, lines));
  expect(image.disk?.format).toBe("qcow2");
  expect(image.notes?.join()).toMatch(words);
  const { stdout } = await runCommand("sha256sum", [path]);
  expect(image.digest).toBe(`sha256:${stdout.slice(0, 64)}`);
  const back = join(folder.path, "back");
  await runCommand("qemu-img", [
    "convert",
    "-f",
    "qcow2",
    "-O",
    "raw",
    image.disk?.path ?? "",
    back,
  ]);
  expect((await readFile(back)).subarray(0, 4 * MiB).equals(gptDisk())).toBe(true);
  expect(lines.filter((line) => line.startsWith("Converting"))).toHaveLength(1);
  await resolveImage("disk.img", optionsFor(folder.path, lines));
  expect(lines.filter((line) => line.startsWith("Converting"))).toHaveLength(1);
});

test("the size that a VHD names counts, not the one in cylinders, which is rounded", async () => {
  await using folder = await createWorkspace("foreign");
  const path = await makeDisk(folder.path, "vpc", "-o", "subformat=dynamic,force_size=on");
  const vhd = await readFile(path);
  // Both copies of the footer: a maker whose size QEMU takes from the cylinders.
  for (const at of [0, vhd.length - 512]) {
    vhd.write("vbox", at + 28, "latin1");
    vhd.writeUInt32BE(0, at + 64);
    const sum = vhd.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
    vhd.writeUInt32BE(~sum >>> 0, at + 64);
  }
  await writeFile(path, vhd);
  const { disk, notes } = await resolveImage("disk.vpc", optionsFor(folder.path));
  expect(disk).not.toBeNull();
  expect(notes?.join()).not.toMatch(/second copy of its GPT/);
});

test("a compressed one is unpacked and converted, and named by the file that was given", async () => {
  await using folder = await createWorkspace("foreign");
  const path = await makeDisk(folder.path, "vmdk", "-o", "subformat=streamOptimized");
  await runCommand("xz", ["-0", path]);
  const image = await resolveImage("disk.vmdk.xz", optionsFor(folder.path));
  expect(image.disk?.format).toBe("qcow2");
  const { stdout } = await runCommand("sha256sum", [`${path}.xz`]);
  expect(image.digest).toBe(`sha256:${stdout.slice(0, 64)}`);
});

test("no file of the host is read through a hostile VMDK, and nothing is left in the cache", async () => {
  await using folder = await createWorkspace("foreign");
  const secret = join(folder.path, "secret");
  await writeFile(secret, gptDisk());
  await writeFile(
    join(folder.path, "flat.vmdk"),
    `# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 8192 FLAT "${secret}" 0\n`,
  );
  await runCommand("qemu-img", [
    "convert",
    "-f",
    "raw",
    "-O",
    "vmdk",
    secret,
    join(folder.path, "base.vmdk"),
  ]);
  const backing = ["-b", join(folder.path, "base.vmdk"), "-F", "vmdk"];
  await runCommand("qemu-img", [
    "create",
    "-q",
    "-f",
    "vmdk",
    ...backing,
    join(folder.path, "child.vmdk"),
  ]);
  for (const [name, words] of [
    ["flat.vmdk", /data in other files, and may name any file of this host/],
    ["child.vmdk", /with a parent: it is not a whole disk/],
  ] as const) {
    await expect(resolveImage(name, optionsFor(folder.path))).rejects.toThrow(words);
    await runCommand("xz", ["-0", "-k", join(folder.path, name)]);
    const packed = resolveImage(`${name}.xz`, optionsFor(folder.path));
    await expect(packed).rejects.toThrow(words);
    await expect(packed).rejects.toThrow(`${name}.xz'`);
    await expect(packed).rejects.toBeInstanceOf(UsageError);
  }
  expect(await lyingIn(join(folder.path, "cache", "disks"))).toEqual([]);
});

test("a truncated one, and one that holds no disk, are told by the file that was given", async () => {
  await using folder = await createWorkspace("foreign");
  for (const format of ["vmdk", "vhdx", "vpc"]) {
    const path = await makeDisk(folder.path, format);
    await truncate(path, Math.floor((await stat(path)).size / 3));
    const cut = resolveImage(`disk.${format}`, optionsFor(folder.path));
    await expect(cut, format).rejects.toThrow(/truncated|damaged|corrupt/);
    await expect(cut, format).rejects.toBeInstanceOf(UsageError);
    await expect(cut, format).rejects.not.toThrow(join(folder.path, "cache"));
  }
  const noise = join(folder.path, "noise");
  await writeFile(noise, Buffer.alloc(MiB, 7));
  await runCommand("qemu-img", ["convert", "-f", "raw", "-O", "vmdk", noise, `${noise}.vmdk`]);
  await expect(resolveImage("noise.vmdk", optionsFor(folder.path))).rejects.toThrow(
    /The disk in '.*noise.vmdk' does not hold a partition table/,
  );
  expect(await lyingIn(join(folder.path, "cache", "disks"))).toEqual([]);
});

test("bzip2 unpacks, also in several streams; a bomb and a cut file leave nothing", async () => {
  await using folder = await createWorkspace("bzip2");
  const disk = gptDisk();
  for (const [name, part] of [
    ["a", disk.subarray(0, MiB)],
    ["b", disk.subarray(MiB)],
  ] as const) {
    await writeFile(join(folder.path, name), part);
    await runCommand("bzip2", [join(folder.path, name)]);
  }
  const both = [
    await readFile(join(folder.path, "a.bz2")),
    await readFile(join(folder.path, "b.bz2")),
  ];
  const path = join(folder.path, "disk.raw.bz2");
  await writeFile(path, Buffer.concat(both));
  const image = await resolveImage("disk.raw.bz2", optionsFor(folder.path));
  expect((await readFile(image.disk?.path ?? "")).equals(disk)).toBe(true);
  const cacheDir = join(folder.path, "other");
  const digest = asDigest(`sha256:${"a".repeat(64)}`);
  const options = { path, digest, cacheDir, signal, onProgress: () => undefined } as const;
  const unpack = (maxBytes: number): Promise<string> =>
    unpackDisk({ ...options, compression: "bzip2", maxBytes }, async () => undefined);
  await expect(unpack(MiB)).rejects.toThrow(/unpacks to more than 1.0 MiB/);
  await truncate(path, Math.floor((await stat(path)).size / 2));
  await expect(unpack(1024 * MiB)).rejects.toThrow(/truncated or damaged: .* bzip2/);
  expect(await lyingIn(join(cacheDir, "disks"))).toEqual([]);
});

test("a host without the program that unpacks is told so, and the file is not blamed", async () => {
  await using folder = await createWorkspace("bare");
  const bin = join(folder.path, "bin");
  await mkdir(bin);
  for (const name of ["setpriv", "prlimit", "flock"])
    await runCommand("ln", ["-s", (await runCommand("which", [name])).stdout, join(bin, name)]);
  const path = join(folder.path, "x");
  await writeFile(path, "x");
  const digest = asDigest(`sha256:${"a".repeat(64)}`);
  const options = {
    path,
    digest,
    cacheDir: join(folder.path, "cache"),
    signal,
    onProgress: () => undefined,
  };
  const was = process.env.PATH;
  try {
    process.env.PATH = bin;
    for (const compression of ["xz", "zstd", "bzip2"] as const) {
      const unpack = unpackDisk({ ...options, compression }, async () => undefined);
      await expect(unpack).rejects.toBeInstanceOf(HostUnfit);
      await expect(unpack).rejects.toThrow(`The host command '${compression}' cannot be started.`);
    }
  } finally {
    process.env.PATH = was;
  }
});
