// Headers of other hypervisors' disks, also of those that would have a tool read other files of the host.
import { describe, expect, test } from "vitest";
import { compressionOf } from "../../images/inspect/disk-kind.ts";
import { readForeignDisk } from "../../images/inspect/foreign-disk.ts";

const plain = [
  "# Disk DescriptorFile",
  "version=1",
  "CID=7b6e4a3c",
  "parentCID=ffffffff",
  'createType="monolithicSparse"',
  'RW 8192 SPARSE "os.vmdk"',
];

interface VmdkShape {
  readonly capacity?: bigint;
  readonly start?: bigint;
  readonly sectors?: bigint;
  readonly lines?: readonly string[];
  /** Put at the place where QEMU looks, whatever the header says. */
  readonly at512?: string;
}

function vmdk({ capacity = 8192n, start = 1n, sectors = 20n, lines = plain, at512 }: VmdkShape) {
  const head = Buffer.alloc(64 * 1024);
  head.write("KDMV", 0, "latin1");
  head.writeBigUInt64LE(capacity, 12);
  head.writeBigUInt64LE(start, 28);
  head.writeBigUInt64LE(sectors, 36);
  if (at512 !== undefined) head.write(at512, 600, "latin1");
  if (start > 0n && start < 100n)
    head.write(`${lines.join("\n")}\n`, Number(start) * 512, "latin1");
  return head;
}

function vhd(kind: number): Buffer {
  const head = Buffer.alloc(4096);
  head.write("conectix", 0, "latin1");
  head.writeUInt32BE(kind, 60);
  return head;
}

describe("whole disks", () => {
  test.each<[string, Buffer, string]>([
    ["VMDK", vmdk({}), "vmdk"],
    ["VMDK with no descriptor of its own", vmdk({ start: 0n, sectors: 0n }), "vmdk"],
    [
      "streamOptimized VMDK",
      vmdk({ lines: plain.map((line) => line.replace("monolithicSparse", "streamOptimized")) }),
      "vmdk",
    ],
    ["dynamic VHD", vhd(3), "vpc"],
    ["VHDX", Buffer.from("vhdxfile\0\0"), "vhdx"],
  ])("%s", (_, head, driver) => {
    expect(readForeignDisk(head)).toMatchObject({ driver });
  });

  test("a VMDK says which of its kinds it is", () => {
    expect(readForeignDisk(vmdk({}))).toMatchObject({
      words: "a VMware disk (VMDK, monolithicSparse)",
    });
  });
});

const parent = 'parentFileNameHint="/etc/shadow"';
describe("disks that are not whole, or that name other files", () => {
  test.each<[string, Buffer, RegExp]>([
    ["a descriptor alone", Buffer.from(`${plain.join("\n")}\n`), /data in other files/],
    ["a VMDK whose extents are in its descriptor", vmdk({ capacity: 0n }), /data in other files/],
    ["a parent by name", vmdk({ lines: [...plain, parent] }), /with a parent/],
    ["a parent by name in other letters", vmdk({ lines: [parent.toUpperCase()] }), /with a parent/],
    [
      "a parent where QEMU looks and the header does not point",
      vmdk({ start: 60n, at512: parent }),
      /with a parent/,
    ],
    ["a parent by number", vmdk({ lines: ["parentCID=7b6e4a3c"] }), /with a parent/],
    ["two extents", vmdk({ lines: [...plain, 'RW 1 SPARSE "b"'] }), /data in other files/],
    ["a flat extent", vmdk({ lines: ['RW 1 FLAT "/etc/shadow" 0'] }), /data in other files/],
    ["a descriptor outside of the file", vmdk({ start: 1n << 60n }), /makes no sense/],
    ["sizes that no disk has", vmdk({ capacity: 1n << 62n }), /makes no sense/],
    ["a VMDK that ends in its header", vmdk({}).subarray(0, 600), /truncated/],
    ["a differencing VHD", vhd(4), /with a parent/],
    ["a VHD of an unknown type", vhd(77), /makes no sense/],
    ["a VHD that ends in its header", vhd(3).subarray(0, 100), /truncated/],
  ])("%s", (_, head, refusal) => {
    expect(readForeignDisk(head)).toMatchObject({ refusal: expect.stringMatching(refusal) });
  });
});

test("what is none of them is told so", () => {
  for (const head of [Buffer.alloc(0), Buffer.alloc(4096), Buffer.from("QFI\xfb", "latin1")])
    expect(readForeignDisk(head)).toBeNull();
});

test.each([
  ["BZh91AY&SY", "bzip2"],
  ["BZh1\x17rE8P\x90", "bzip2"],
  ["BZhello, world", null],
  ["BZh01AY&SY", null],
])("%j is taken for %s", (text, expected) => {
  expect(compressionOf(Buffer.from(text, "latin1"))).toBe(expected);
});
