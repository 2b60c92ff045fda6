/** What a kernel's file is, and what is taken out of a unified kernel image. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { startable } from "../../harness/states/build/helper-kernel.ts";
import { kernelFormat, type UnpackedUki, unpackUki } from "../../images/rootfs/kernel-file.ts";
import { bzImage, efiProgram, machineTypes, type Section, zboot } from "./support/kernels.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const { x86_64, aarch64 } = machineTypes;
const arm64 = Buffer.alloc(64);
arm64.write("ARM\x64", 56, "latin1");

test.each<readonly [string, Buffer, string, string | null, string | null]>([
  ["a bzImage", bzImage(), "bzImage", "x86_64", null],
  ["an arm64 Image", arm64, "arm64 Image", "aarch64", null],
  ["an EFI zboot", zboot(aarch64, "zstd"), "EFI zboot", "aarch64", "zstd"],
  ["a unified kernel image", efiProgram(x86_64, []), "unified kernel image", "x86_64", null],
  ["a gzip", Buffer.from([0x1f, 0x8b, 8]), "gzip", null, null],
  ["nothing", Buffer.alloc(0), "unknown", null, null],
  ["a program that is cut off", efiProgram(x86_64, []).subarray(0, 0x82), "unknown", null, null],
  [
    "a program of an unknown machine",
    efiProgram(1, []),
    "unified kernel image",
    "another machine",
    null,
  ],
])("%s", (_, head, kind, machine, compression) => {
  expect(kernelFormat(head)).toEqual({ kind, machine, compression });
});

test("a helper machine of aarch64 starts kernels that unpack themselves, and one of x86_64 does not", () => {
  const kinds = [bzImage(), arm64, zboot(aarch64, "zstd")].map((head) => kernelFormat(head).kind);
  expect(kinds.filter((kind) => startable.x86_64.includes(kind))).toEqual(["bzImage"]);
  expect(kinds.filter((kind) => startable.aarch64.includes(kind))).toEqual([
    "arm64 Image",
    "EFI zboot",
  ]);
});

interface Unpacked extends UnpackedUki {
  readonly linux: string;
  readonly initramfs: string;
}

async function unpack(bytes: Buffer): Promise<Unpacked> {
  await using folder = await temporaryFolder();
  const [file, kernel, initrd] = ["efi", "kernel", "initrd"].map((name) => join(folder.path, name));
  if (file === undefined || kernel === undefined || initrd === undefined) throw new Error("names");
  await writeFile(file, bytes);
  const facts = await unpackUki(file, { title: "The UKI", kernel, initrd });
  const [linux, initramfs] = await Promise.all([
    readFile(kernel, "latin1"),
    readFile(initrd, "latin1"),
  ]);
  return { ...facts, linux, initramfs };
}

const linux: Section = { name: ".linux", content: "kernel" };
const initrd: Section = { name: ".initrd", content: "initramfs" };

describe("a unified kernel image", () => {
  test("is taken apart to the byte, without what sections are padded with", async () => {
    const cmdline = { name: ".cmdline", content: "root=x composefs=y\n\0" };
    const uname = { name: ".uname", content: "6.1" };
    expect(await unpack(efiProgram(x86_64, [uname, cmdline, linux, initrd]))).toEqual({
      machine: "x86_64",
      commandLine: "root=x composefs=y",
      linux: "kernel",
      initramfs: "initramfs",
    });
  });

  test("has profiles: what stands before the first is for all", async () => {
    const profile = { name: ".profile", content: "ID=debug" };
    const debug = { name: ".cmdline", content: "debug" };
    const made = await unpack(efiProgram(x86_64, [linux, initrd, profile, debug]));
    expect(made.commandLine).toBe("");
  });

  test.each<readonly [string, Buffer, RegExp]>([
    ["no program", Buffer.from("kernel"), /not a program for EFI/],
    ["no kernel", efiProgram(x86_64, [initrd]), /does not have a section \.linux/],
    ["no initramfs", efiProgram(x86_64, [linux]), /does not have a section \.initrd/],
    ["an empty initramfs", efiProgram(x86_64, [linux, { ...initrd, content: "" }]), /\.initrd/],
    [
      "a section behind the end",
      efiProgram(x86_64, [{ ...linux, size: 0xffff_ffff }, initrd]),
      /section \.linux ends behind the end of the file/,
    ],
    [
      "a section that begins behind the end",
      efiProgram(x86_64, [linux, { ...initrd, offset: 0xffff_fff0 }]),
      /section \.initrd ends behind/,
    ],
    [
      "a table that is cut off",
      efiProgram(x86_64, [linux, initrd]).subarray(0, 0x1a0),
      /table of sections is cut off/,
    ],
    [
      "a header that is cut off",
      efiProgram(x86_64, [linux]).subarray(0, 0x8a),
      /header is cut off/,
    ],
  ])("%s is told", async (_, bytes, words) => {
    await expect(unpack(bytes)).rejects.toThrow(words);
    await expect(unpack(bytes)).rejects.toThrow(UsageError);
  });

  test("with thousands of sections is not read", async () => {
    const bytes = efiProgram(x86_64, [linux]);
    bytes.writeUInt16LE(0xffff, 0x86);
    await expect(unpack(bytes)).rejects.toThrow(/has 65535 sections/);
  });
});
