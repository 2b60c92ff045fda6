// What disks say of themselves (sectors, architecture, damage) and in which words others than disks are refused.
import { appendFile, mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommand } from "../../harness/base/process.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { inspectDisk } from "../../images/inspect/disk.ts";
import { type ResolveOptions, resolveImage, resolvePair } from "../../images/resolve.ts";
import { gptDisk, MiB, types } from "../contract/support/disks.ts";
import { makeLayout } from "../contract/support/oci-layout.ts";

let workspace: Workspace;
beforeAll(async () => {
  workspace = await createWorkspace("shapes");
});
afterAll(() => workspace[Symbol.asyncDispose]());

const at = (name: string): string => join(workspace.path, name);
async function put(name: string, content: Buffer | string): Promise<string> {
  await mkdir(join(at(name), ".."), { recursive: true });
  await writeFile(at(name), content);
  return at(name);
}
const options = (): ResolveOptions => ({
  catalogue: { path: "c.yaml", directory: workspace.path, images: {} },
  cacheDir: at("cache"),
  cwd: workspace.path,
  signal: new AbortController().signal,
  onProgress: () => undefined,
  reference: async () => ({ dir: "", ociLayout: "", versions: {} }),
});
const convert = (from: string, to: string, format: string, ...more: string[]) =>
  runCommand("qemu-img", ["convert", "-f", "raw", "-O", format, ...more, from, to]);

describe("sectors", () => {
  test.each([
    ["512", gptDisk(), 512],
    ["4096", gptDisk({ sectorBytes: 4096 }), 4096],
  ])("a GPT of %s-byte sectors is told, raw and qcow2", async (name, disk, sectorBytes) => {
    const raw = await put(`sectors-${name}.raw`, disk);
    await convert(raw, at(`sectors-${name}.qcow2`), "qcow2");
    for (const ending of ["raw", "qcow2"]) {
      const { disk } = await resolveImage(`sectors-${name}.${ending}`, options());
      expect(disk?.sectorBytes).toBe(sectorBytes);
    }
  });

  test("two headers: the sound one counts, and of two sound ones that of 512", async () => {
    const large = gptDisk({ sectorBytes: 4096 });
    const mixed = Buffer.from(large);
    mixed.write("EFI PART", 512, "latin1");
    expect((await inspectDisk(await put("stale.raw", mixed))).sectorBytes).toBe(4096);
    const small = gptDisk();
    // Header and entries of the 512-byte table lie where the other table has nothing but its second sector's end.
    const both = Buffer.from(small);
    large.copy(both, 4096, 4096, 4096 + 92);
    expect((await inspectDisk(await put("both.raw", both))).sectorBytes).toBe(512);
  });

  test("a GPT header that no MBR speaks of means nothing", async () => {
    const disk = gptDisk({ sectorBytes: 4096 });
    disk[450] = 0x83;
    expect((await inspectDisk(await put("mbr.raw", disk))).sectorBytes).toBe(512);
  });
});

describe("facts that are judged once", () => {
  test("one damaged copy of the GPT is told, two are refused", async () => {
    const first = gptDisk();
    first[512 + 56] = 1;
    const last = gptDisk();
    last.fill(0, last.length - 512);
    const notesOf = async (name: string, disk: Buffer) =>
      (await inspectDisk(await put(name, disk))).notes;
    expect(await notesOf("first.raw", first)).toEqual([expect.stringMatching(/first copy/)]);
    expect(await notesOf("last.raw", last)).toEqual([expect.stringMatching(/second copy/)]);
    last[512 + 56] = 1;
    const both = inspectDisk(await put("both-bad.raw", last));
    await expect(both).rejects.toThrow(/neither copy of its GPT/);
  });

  test("a partition beyond the end, and a qcow2 smaller than its table", async () => {
    const disk = gptDisk({ types: Array.from({ length: 9 }, () => types.linux) });
    const raw = await put("beyond.raw", disk);
    await expect(inspectDisk(raw)).rejects.toThrow(/is truncated: it has 4.0 MiB .* 10.0 MiB/);
    const good = await put("shrink.raw", gptDisk());
    await convert(good, at("shrink.qcow2"), "qcow2");
    await runCommand("qemu-img", ["resize", "-q", "--shrink", at("shrink.qcow2"), "3M"]);
    await expect(inspectDisk(at("shrink.qcow2"))).rejects.toThrow(/is truncated: it has 3.0 MiB/);
  });

  test("a qcow2 that was not closed, is corrupt or encrypted is refused in these words", async () => {
    const raw = await put("flags.raw", gptDisk());
    await convert(raw, at("flags.qcow2"), "qcow2", "-o", "compat=1.1,lazy_refcounts=on");
    const good = await readFile(at("flags.qcow2"));
    const flagged = async (name: string, change: (file: Buffer) => void): Promise<string> => {
      const file = Buffer.from(good);
      change(file);
      return put(name, file);
    };
    const dirty = await flagged("dirty.qcow2", (file) => file.writeBigUInt64BE(1n, 72));
    await expect(inspectDisk(dirty)).rejects.toThrow(/was not closed[\s\S]*wait until/);
    const corrupt = await flagged("corrupt.qcow2", (file) => file.writeBigUInt64BE(2n, 72));
    await expect(inspectDisk(corrupt)).rejects.toThrow(/is marked as corrupt/);
    const secret = await flagged("secret.qcow2", (file) => file.writeUInt32BE(2, 32));
    await expect(inspectDisk(secret)).rejects.toThrow(/is encrypted/);
  });
});

describe("a disk and its OCI image", () => {
  test("are one image: the manifest is its identity, the disk's digest stays the disk's", async () => {
    const { digest } = await makeLayout(at("layout"));
    await put("pair.s390x.raw", gptDisk({ types: [types.linux] }));
    const image = await resolvePair("pair.s390x.raw", `oci:layout:v1@${digest}`, options());
    // The OCI image says the architecture, so nothing is guessed from a name or a folder.
    expect(image).toMatchObject({ digest, manifest: digest, architecture: "x86_64", notes: [] });
    expect(image.oci).toMatchObject({ tag: "v1" });
    expect(image.disk?.digest).not.toBe(digest);
    const bare = await resolveImage("shrink.raw", options());
    expect([bare.manifest, bare.disk?.digest]).toEqual([null, bare.digest]);
  });

  test("of two architectures are refused, and so is an image beside what is not a disk file", async () => {
    await makeLayout(at("arm"), "arm64");
    await put("x86.raw", gptDisk());
    const of = (name: string, oci: string) => resolvePair(name, oci, options());
    await expect(of("x86.raw", "oci:arm:v1")).rejects.toThrow(
      /disk 'x86.raw' is for x86_64, the OCI image 'oci:arm:v1' for aarch64/,
    );
    await expect(of("oci:arm:v1", "oci:arm:v1")).rejects.toThrow(/is not a disk file/);
    await expect(of("x86.raw", "arm:v1")).rejects.toThrow(/expected oci:DIR:TAG/);
    await expect(of("x86.raw", "oci:arm:v1")).rejects.toHaveProperty("blame", "caller");
  });

  test("an OCI layout's folder does not say the architecture", async () => {
    await makeLayout(at("aarch64"));
    const { architecture } = await resolveImage("oci:aarch64:v1", options());
    expect(architecture).toBe("x86_64");
  });
});

describe("other forms", () => {
  test("a fixed VHD is a raw disk with a footer, and is told", async () => {
    const vhd = Buffer.concat([gptDisk(), Buffer.alloc(512)]);
    vhd.write("conectix", vhd.length - 512, "latin1");
    const { format, notes } = await inspectDisk(await put("azure.vhd", vhd));
    expect([format, notes]).toEqual(["raw", [expect.stringMatching(/fixed VHD/)]]);
  });

  test("what an archive holds is told by the name of the file that was given", async () => {
    const raw = await put("disk.raw", gptDisk());
    await runCommand("tar", ["-C", workspace.path, "-cf", at("gcp.tar"), "disk.raw"]);
    await put("gcp.tar.gz", gzipSync(await readFile(at("gcp.tar"))));
    await convert(raw, at("s.vmdk"), "vmdk", "-o", "subformat=streamOptimized");
    await put("os.ovf", "<Envelope/>");
    await runCommand("tar", ["-C", workspace.path, "-cf", at("vmware.ova"), "os.ovf", "s.vmdk"]);
    await put("cut.raw.gz", gzipSync((await readFile(raw)).subarray(0, 2 * MiB)));
    const cases: readonly [string, RegExp][] = [
      ["gcp.tar.gz", /'.*\/gcp.tar.gz' holds a tar archive, not a disk[\s\S]*tar -xf/],
      ["vmware.ova", /looks like an appliance \(OVA\)[\s\S]*\.vmdk/],
      ["cut.raw.gz", /The disk in '.*\/cut.raw.gz' is truncated/],
    ];
    for (const [name, words] of cases) {
      const refusal = resolveImage(name, options());
      await expect(refusal, name).rejects.toThrow(words);
      await expect(refusal, name).rejects.not.toThrow(at("cache"));
    }
  });

  test("streams in several parts, with padding or with a frame to skip unpack to the same disk", async () => {
    const disk = gptDisk();
    const parts = [
      await put("p1", disk.subarray(0, 2 * MiB)),
      await put("p2", disk.subarray(2 * MiB)),
    ];
    for (const [program, ending] of [
      ["xz", "xz"],
      ["zstd", "zst"],
    ] as const) {
      for (const part of parts) await runCommand(program, ["-q", "-k", part]);
      const streams = await Promise.all(parts.map((part) => readFile(`${part}.${ending}`)));
      await put(`multi.raw.${ending}`, Buffer.concat(streams));
    }
    await put(
      "multi.raw.gz",
      Buffer.concat([gzipSync(disk.subarray(0, MiB)), gzipSync(disk.subarray(MiB))]),
    );
    await put("padded.raw.xz", await readFile(at("multi.raw.xz")));
    await appendFile(at("padded.raw.xz"), Buffer.alloc(512));
    const frame = Buffer.from("\x50\x2a\x4d\x18\x04\x00\x00\x00abcd", "latin1");
    await put("skip.raw.zst", Buffer.concat([frame, frame, await readFile(at("multi.raw.zst"))]));
    for (const name of [
      "multi.raw.xz",
      "multi.raw.zst",
      "multi.raw.gz",
      "padded.raw.xz",
      "skip.raw.zst",
    ]) {
      const image = await resolveImage(name, options());
      expect((await readFile(image.disk?.path ?? "")).equals(disk), name).toBe(true);
    }
    await truncate(at("padded.raw.xz"), 100);
    await expect(resolveImage("padded.raw.xz", options())).rejects.toThrow(/truncated or damaged/);
  });
});
