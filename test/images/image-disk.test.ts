// Real qemu-img, xz and zstd on disks of a few megabytes.
import { mkdir, readFile, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { runCommand } from "../../harness/base/process.ts";
import { asDigest } from "../../harness/base/units.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { inspectDisk } from "../../images/inspect/disk.ts";
import { openDiskFile } from "../../images/origins/disk-file.ts";
import { unpackDisk } from "../../images/origins/unpack.ts";
import { type ResolveOptions, resolveImage } from "../../images/resolve.ts";
import { gptDisk, MiB } from "../contract/support/disks.ts";
import { lyingIn } from "../contract/support/lying-in.ts";

const { signal } = new AbortController();
async function makeDisks(folder: string): Promise<{ raw: string; qcow2: string }> {
  const raw = join(folder, "good.raw");
  const qcow2 = join(folder, "good.qcow2");
  await writeFile(raw, gptDisk());
  await runCommand("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, qcow2]);
  return { raw, qcow2 };
}

const optionsFor = (folder: string): ResolveOptions => ({
  catalogue: { path: "c.yaml", directory: folder, images: {} },
  cacheDir: join(folder, "cache"),
  cwd: folder,
  signal,
  onProgress: () => undefined,
  reference: async () => {
    throw new Error("Nothing of this is built.");
  },
});

test("a whole disk is taken, raw and qcow2", async () => {
  await using folder = await createWorkspace("disks");
  const { raw, qcow2 } = await makeDisks(folder.path);
  expect(await inspectDisk(raw)).toMatchObject({ format: "raw", virtualBytes: 4 * MiB });
  expect(await inspectDisk(qcow2)).toMatchObject({ format: "qcow2", virtualBytes: 4 * MiB });
});

test("what is not a disk is told what it is instead", async () => {
  await using folder = await createWorkspace("disks");
  const iso = gptDisk();
  iso.write("CD001", 32_769, "latin1");
  const gone = gptDisk();
  gone.fill(0, 512, 1024);
  const both = gptDisk();
  both[512 + 20] = 1;
  both[both.length - 512 + 20] = 1;
  const cases: readonly [string, Buffer | string, RegExp][] = [
    ["elf", (await readFile("/proc/self/exe")).subarray(0, MiB), /looks like an ELF program/],
    ["page", "<!DOCTYPE html><p>404</p>", /looks like an HTML page/],
    ["xml", '<?xml version="1.0"?>', /looks like an XML document/],
    ["text", "not a disk\n", /looks like text/],
    ["zip", "PK\x03\x04", /looks like a zip archive/],
    ["zeros", Buffer.alloc(MiB), /nothing but zeros/],
    ["iso", iso, /is an ISO image/],
    ["gpt-gone", gone, /the GPT is not there/],
    ["gpt-both", both, /neither copy of its GPT/],
    ["lz4", Buffer.from("\x04\x22\x4d\x18lz4", "latin1"), /looks like lz4-compressed data/],
    ["sparse", Buffer.from("\x3a\xff\x26\xed", "latin1"), /Android sparse image[\s\S]*simg2img/],
    ["vmdk", "# Disk DescriptorFile\n", /VMware disk[\s\S]*qemu-img convert/],
    ["uki", "MZ\x90", /an EFI program/],
    ["empty", "", /is empty/],
    ["short-qcow2", "QFI\xfb", /./],
  ];
  for (const [name, content, reason] of cases) {
    const path = join(folder.path, name);
    await writeFile(path, content);
    await expect(inspectDisk(path), name).rejects.toThrow(reason);
    await expect(inspectDisk(path), name).rejects.toBeInstanceOf(UsageError);
  }
  await expect(inspectDisk(folder.path)).rejects.toThrow(/is a folder/);
  await expect(inspectDisk("/dev/null")).rejects.toThrow(/device, pipe or socket/);
  await expect(inspectDisk(join(folder.path, "missing"))).rejects.toThrow(/does not exist/);
  await runCommand("mkfifo", [join(folder.path, "pipe")]);
  await expect(inspectDisk(join(folder.path, "pipe"))).rejects.toThrow(/device, pipe or socket/);
});

test("truncated disks are seen, raw and qcow2", async () => {
  await using folder = await createWorkspace("disks");
  const { raw, qcow2 } = await makeDisks(folder.path);
  for (const path of [raw, qcow2]) {
    await truncate(path, Math.floor((await stat(path)).size / 2 / 65_536) * 65_536);
    await expect(inspectDisk(path)).rejects.toThrow(/is truncated/);
  }
});

test("a qcow2 that would read other files of the host is refused before it is opened", async () => {
  await using folder = await createWorkspace("disks");
  const { raw, qcow2 } = await makeDisks(folder.path);
  const overlay = join(folder.path, "overlay.qcow2");
  await runCommand("qemu-img", [
    "create",
    "-q",
    "-f",
    "qcow2",
    "-b",
    qcow2,
    "-F",
    "qcow2",
    overlay,
  ]);
  await expect(inspectDisk(overlay)).rejects.toThrow(/has a backing file/);
  const external = join(folder.path, "external.qcow2");
  const data = `data_file=${join(folder.path, "data")},data_file_raw=on`;
  await runCommand("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", "-o", data, raw, external]);
  await expect(inspectDisk(external)).rejects.toThrow(/keeps its data in another file/);
  const strange = await readFile(qcow2);
  strange.writeBigUInt64BE(1n << 40n, 72);
  await writeFile(qcow2, strange);
  await expect(inspectDisk(qcow2)).rejects.toThrow(/features that are not known/);
});

test("compressed disks are unpacked once, and their digest is the given file's", async () => {
  await using folder = await createWorkspace("packed");
  const { raw } = await makeDisks(folder.path);
  await writeFile(`${raw}.gz`, gzipSync(await readFile(raw)));
  await runCommand("xz", ["-k", "-0", raw]);
  await runCommand("zstd", ["-q", "-k", raw]);
  for (const ending of ["gz", "xz", "zst"]) {
    const lines: string[] = [];
    const options = { ...optionsFor(folder.path), onProgress: (line: string) => lines.push(line) };
    const image = await resolveImage(`good.raw.${ending}`, options);
    // Not toEqual: it compares megabytes byte by byte, in seconds.
    expect((await readFile(image.disk?.path ?? "")).equals(await readFile(raw))).toBe(true);
    const { stdout } = await runCommand("sha256sum", [`${raw}.${ending}`]);
    expect(image.digest).toBe(`sha256:${stdout.slice(0, 64)}`);
    expect(lines).toHaveLength(1);
    await resolveImage(`good.raw.${ending}`, options);
    expect(lines).toHaveLength(1);
  }
});

test("a bomb, a truncated archive and an archive of no disk leave nothing in the cache", async () => {
  await using folder = await createWorkspace("packed");
  const zeros = join(folder.path, "zeros");
  await writeFile(zeros, Buffer.alloc(8 * MiB, 7));
  await writeFile(`${zeros}.gz`, gzipSync(await readFile(zeros)));
  await runCommand("xz", ["-k", "-0", zeros]);
  await runCommand("zstd", ["-q", "-k", zeros]);
  const cacheDir = join(folder.path, "cache");
  const digest = asDigest(`sha256:${"a".repeat(64)}`);
  const kinds = [
    ["gzip", "gz"],
    ["xz", "xz"],
    ["zstd", "zst"],
  ] as const;
  for (const [compression, ending] of kinds) {
    const path = `${zeros}.${ending}`;
    const options = { path, compression, digest, cacheDir, signal, onProgress: () => undefined };
    const bomb = unpackDisk({ ...options, maxBytes: MiB }, async () => undefined);
    await expect(bomb, ending).rejects.toThrow(/unpacks to more than 1.0 MiB/);
    if (compression === "gzip") {
      const late = unpackDisk({ ...options, limitMs: 0 }, async () => undefined);
      await expect(late, ending).rejects.toThrow(/was not unpacked within/);
    }
    await expect(resolveImage(path, optionsFor(folder.path)), ending).rejects.toThrow(
      /holds data of an unknown kind, not a disk/,
    );
    await truncate(path, Math.floor((await stat(path)).size / 2));
    const cut = resolveImage(path, optionsFor(folder.path));
    await expect(cut, ending).rejects.toThrow(/truncated or damaged/);
  }
  expect(await lyingIn(join(cacheDir, "disks"))).toEqual([]);
});

test("a pinned digest is held against the file, whose digest is remembered until it changes", async () => {
  await using folder = await createWorkspace("pins");
  const { raw } = await makeDisks(folder.path);
  await symlink(raw, join(folder.path, "link.raw"));
  const options = optionsFor(folder.path);
  const { digest } = await resolveImage("link.raw", options);
  expect((await resolveImage(`good.raw@${digest}`, options)).digest).toBe(digest);
  const other = `sha256:${"0".repeat(64)}`;
  await expect(resolveImage(`good.raw@${other}`, options)).rejects.toThrow(
    new RegExp(`expected\\s+${other}[\\s\\S]*got\\s+${digest}`),
  );
  await expect(resolveImage("good.raw@sha256:12", options)).rejects.toThrow(/is not a digest/);
  await runCommand("touch", ["-d", "2020-01-01", raw]);
  await resolveImage("good.raw", options);
  expect(await readFile(join(options.cacheDir, "digests.json"), "utf8")).toContain(digest);
  const changed = gptDisk();
  changed[MiB] = 255;
  await writeFile(raw, changed);
  expect((await resolveImage("good.raw", options)).digest).not.toBe(digest);
  await mkdir(options.cacheDir, { recursive: true });
  await writeFile(join(options.cacheDir, "digests.json"), "{ damaged");
  await resolveImage("good.raw", options);
});

test("an OCI image that is named by its path alone is told apart, with how to name it", async () => {
  await using folder = await createWorkspace("disks");
  const at = (name: string): string => join(folder.path, name);
  await mkdir(at("layout"));
  await writeFile(join(at("layout"), "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(at("layout"), "index.json"), '{"manifests":[]}');
  await mkdir(at("plain"));
  await writeFile(join(at("plain"), "manifest.json"), "{}");
  await writeFile(join(at("plain"), "version"), "Directory Transport Version: 1.1\n");
  const pack = (file: string, ...words: string[]): Promise<unknown> =>
    runCommand("tar", ["-cf", at(file), "-C", ...words]);
  await pack("os.oci.tar", at("layout"), ".");
  await pack("os.docker.tar", at("plain"), "manifest.json");
  await pack("os.tar", folder.path, "plain/version");
  await pack("os.tar.gz", at("layout"), "--gzip", ".");
  const cases: readonly [string, RegExp][] = [
    ["./layout", /is not a disk but an OCI layout[\s\S]*oci:\.\/layout/],
    ["plain", /skopeo writes it into a folder[\s\S]*dir:plain/],
    ["os.oci.tar", /an archive of an OCI layout[\s\S]*oci-archive:os\.oci\.tar/],
    ["os.docker.tar", /docker's or podman's[\s\S]*docker-archive:os\.docker\.tar/],
    ["os.tar", /looks like a tar archive[\s\S]*oci-archive:FILE|oci-archive:'.*os\.tar'/],
    ["os.tar.gz", /holds a tar archive[\s\S]*oci-archive:FILE/],
  ];
  for (const [name, words] of cases) {
    const found = resolveImage(name, optionsFor(folder.path));
    await expect(found, name).rejects.toThrow(words);
    await expect(found, name).rejects.toBeInstanceOf(UsageError);
  }
});

test("a packed ISO is to be unpacked, not installed from first", async () => {
  await using folder = await createWorkspace("disks");
  const iso = gptDisk();
  iso.write("CD001", 32_769, "latin1");
  await writeFile(join(folder.path, "os.iso.gz"), gzipSync(iso));
  await expect(resolveImage("os.iso.gz", optionsFor(folder.path))).rejects.toThrow(
    /is an ISO image[\s\S]*unpack it and give the \.iso/,
  );
});

test("a disk that is called by an address is unpacked only where it was packed", async () => {
  await using folder = await createWorkspace("disks");
  const said = async (file: string, bytes: Buffer): Promise<string> => {
    const path = join(folder.path, file);
    await writeFile(path, bytes);
    const options = { cacheDir: join(folder.path, "cache"), signal, onProgress: () => undefined };
    const opened = openDiskFile(path, { ...options, calls: `https://host/${file}` });
    return opened.then(
      () => "It is a disk.",
      (error: UsageError) => error.message,
    );
  };
  const zeros = await said("os.raw", Buffer.alloc(MiB));
  expect(zeros).toMatch(
    /^'https:\/\/host\/os\.raw' is not a disk: it looks like nothing but zeros/,
  );
  expect(zeros).not.toMatch(/unpack/);
  expect(await said("cut.raw", gptDisk().subarray(0, 2 * MiB))).toMatch(
    /^The disk 'https:\/\/host\/cut\.raw' is truncated/,
  );
  expect(await said("os.raw.gz", gzipSync(Buffer.alloc(MiB)))).toMatch(
    /^'https:\/\/host\/os\.raw\.gz' holds nothing but zeros[\s\S]*unpack it to FILE/,
  );
});
