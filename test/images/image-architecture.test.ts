// For which architecture a disk is: what it says itself, what its name says, and what is asked where neither does.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { attemptCommand, runCommand } from "../../harness/base/process.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { inspectDisk } from "../../images/inspect/disk.ts";
import { type ResolveOptions, resolveImage, withArchitecture } from "../../images/resolve.ts";
import { gptDisk, MiB, types } from "../contract/support/disks.ts";

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

describe("architecture", () => {
  test.each<[string, readonly string[], string]>([
    ["disk.raw", [types.rootArm64], "aarch64"],
    ["aarch64-runner/x.raw", [types.rootX8664], "x86_64"],
    // The disk's own word goes before what somebody called it.
    ["my-aarch64.raw", [types.rootX8664], "x86_64"],
    ["aarch64-runner/Fedora-Silverblue-42.x86_64.raw", [types.linux], "x86_64"],
    ["amd64-tools/os.arm64.raw", [types.linux], "aarch64"],
    ["os-for-aarch64-hosts.amd64.raw", [types.linux], "x86_64"],
    ["builds/aarch64/disk.raw", [types.linux], "aarch64"],
  ])("%s", async (name, partitions, architecture) => {
    await put(name, gptDisk({ types: partitions }));
    const image = await resolveImage(name, options());
    expect([image.architecture, image.notes]).toEqual([architecture, []]);
  });

  test.each<[string, readonly string[], RegExp]>([
    ["fedora-coreos-42-qemu.s390x.raw", [types.linux], /is for s390x; bootgate boots x86_64/],
    ["fedora-coreos-42-qemu.ppc64le.raw", [types.linux], /is for ppc64le/],
    ["plain.raw", [types.rootS390x], /is for s390x/],
    ["Fedora-Minimal-armhfp-36-1.5-sda.raw", [types.linux], /is for armv7hl/],
    ["debian-12-generic-i386.raw", [types.linux], /is for i686/],
    ["fedora-ppc64.raw", [types.linux], /is for ppc64;/],
  ])("%s is refused by name", async (name, partitions, words) => {
    await put(name, gptDisk({ types: partitions }));
    await expect(resolveImage(name, options())).rejects.toThrow(words);
    await expect(resolveImage(name, options())).rejects.toHaveProperty("blame", "caller");
  });

  test("what nothing tells is asked for and not assumed, also where a word is only a part or a folder's", async () => {
    for (const name of ["some.raw", "aarch64-runner/some.raw", "notaarch64really.raw"]) {
      await put(name, gptDisk({ types: [types.linux, types.esp] }));
      const found = await resolveImage(name, options());
      expect([found.architecture, found.notes]).toEqual([null, []]);
      const booted = () => withArchitecture(found, undefined);
      expect(booted).toThrow(
        /^Nothing says for which architecture the disk .*\n.*--architecture x86_64/,
      );
      expect(booted).toThrow(UsageError);
      expect(withArchitecture(found, "aarch64").architecture).toBe("aarch64");
    }
    const told = {
      ...(await resolveImage("some.raw", options())),
      architecture: "x86_64" as const,
    };
    expect(withArchitecture(told, undefined).architecture).toBe("x86_64");
    expect(() => withArchitecture(told, "aarch64")).toThrow(/is for x86_64, not for aarch64/);
  });

  test.each<[string, (disk: Buffer) => void, string | null]>([
    [
      "an EFI program anywhere on the EFI partition",
      (disk) => efiProgram(0x8664).copy(disk, MiB + 7 * 512),
      "x86_64",
    ],
    ["one for arm64", (disk) => efiProgram(0xaa64).copy(disk, MiB + 7 * 512), "aarch64"],
    [
      "one beside a loader for 32-bit firmware",
      (disk) => {
        efiProgram(0x14c).copy(disk, MiB + 7 * 512);
        efiProgram(0x8664).copy(disk, MiB + 90 * 512);
      },
      "x86_64",
    ],
    [
      "programs for two",
      (disk) => {
        efiProgram(0xaa64).copy(disk, MiB + 7 * 512);
        efiProgram(0x8664).copy(disk, MiB + 90 * 512);
      },
      null,
    ],
    ["a program of Windows", (disk) => efiProgram(0x8664, 3).copy(disk, MiB + 7 * 512), null],
    [
      "a program behind the partitions",
      (disk) => efiProgram(0x8664).copy(disk, 3 * MiB + 512),
      null,
    ],
    [
      "an x86 kernel on the boot partition",
      (disk) => kernelHead("x86_64").copy(disk, 2 * MiB + 8 * 4096),
      "x86_64",
    ],
    [
      "an arm64 kernel there",
      (disk) => kernelHead("aarch64").copy(disk, 2 * MiB + 8 * 4096),
      "aarch64",
    ],
    [
      "GRUB's code in the MBR",
      (disk) => disk.write("GRUB \0Geom\0Hard Disk\0", 0x180, "latin1"),
      "x86_64",
    ],
    [
      "parted's code in the MBR",
      (disk) => disk.write("\xfa\xb8\x00\x10\x8e\xd0\xbc", 0, "latin1"),
      null,
    ],
  ])("%s: %s", async (name, change, architecture) => {
    const disk = gptDisk({ types: [types.esp, types.linux] });
    change(disk);
    await put("told.raw", disk);
    await convert(at("told.raw"), at("told.qcow2"), "qcow2");
    for (const file of ["told.raw", "told.qcow2"])
      expect((await resolveImage(file, options())).architecture, name).toBe(architecture);
  });

  test("the EFI partition of an MBR tells too", async () => {
    const disk = gptDisk();
    disk.fill(0, 446, 510);
    disk[450] = 0xef;
    disk.writeUInt32LE(2048, 454);
    disk.writeUInt32LE(2048, 458);
    efiProgram(0xaa64).copy(disk, MiB + 512);
    expect((await inspectDisk(await put("mbr-esp.raw", disk))).architecture).toBe("aarch64");
  });

  test("the fallback boot loader tells, where the host has mtools", async ({ skip }) => {
    if (!(await hasMtools())) return skip("mtools is not there");
    const loader = async (name: string, file: string): Promise<string> => {
      const path = await put(name, gptDisk({ bytes: 8 * MiB, types: [types.esp, types.linux] }));
      const esp = `${path}@@${MiB}`;
      const env = { MTOOLS_SKIP_CHECK: "1" };
      await runCommand("mformat", ["-i", esp, "-T", "2048", "-h", "16", "-s", "32", "::"], { env });
      await runCommand("mmd", ["-i", esp, "::/EFI", "::/EFI/BOOT"], { env });
      await runCommand("mcopy", ["-i", esp, "-", `::/EFI/BOOT/${file}`], { env, input: "MZ" });
      return path;
    };
    const arm = await loader("loader-a.raw", "BOOTAA64.EFI");
    await convert(arm, at("loader-a.qcow2"), "qcow2");
    await loader("loader-x.raw", "BOOTX64.EFI");
    const of = async (name: string) => (await resolveImage(name, options())).architecture;
    expect(await of("loader-a.raw")).toBe("aarch64");
    expect(await of("loader-a.qcow2")).toBe("aarch64");
    expect(await of("loader-x.raw")).toBe("x86_64");
  });
});

/** The head of a PE file (PE format, "MS-DOS stub", "COFF header", "Optional header"). */
function efiProgram(machine: number, subsystem = 10): Buffer {
  const head = Buffer.alloc(512);
  head.write("MZ", "latin1");
  head.writeUInt32LE(0x80, 0x3c);
  head.write("PE\0\0", 0x80, "latin1");
  head.writeUInt16LE(machine, 0x84);
  head.writeUInt16LE(subsystem, 0x80 + 24 + 68);
  return head;
}

/** The head of a kernel without an EFI stub. */
function kernelHead(architecture: "x86_64" | "aarch64"): Buffer {
  const head = Buffer.alloc(1024);
  if (architecture === "aarch64") {
    head.write("ARM\x64", 56, "latin1");
    return head;
  }
  head.writeUInt16LE(0xaa55, 0x1fe);
  head.write("HdrS", 0x202, "latin1");
  head.writeUInt16LE(0x20f, 0x206);
  head[0x236] = 0x7f;
  return head;
}

const hasMtools = (): Promise<boolean> =>
  attemptCommand("mdir", ["--version"]).then(
    () => true,
    () => false,
  );
