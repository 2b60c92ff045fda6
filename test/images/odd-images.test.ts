/** Images that a helper machine does not install: what is told, and whose fault it is. No machine is started. */

import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  CannotTell,
  ExpectationFailed,
  HostUnfit,
  messageOf,
  UsageError,
} from "../../harness/base/errors.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import type { MachineDriver } from "../../harness/machine/machine.ts";
import { extractKernel } from "../../harness/states/build/helper-kernel.ts";
import { toInstall } from "../../harness/states/build/helper-purpose.ts";
import { defaultRecipe } from "../../harness/states/build/recipe.ts";
import { createVmBuilder } from "../../harness/states/build/vm-builder.ts";
import type { MakeOptions } from "../../harness/states/state.ts";
import { consoleWords } from "../../images/image.ts";
import { blobPath } from "../../images/origins/oci-layout.ts";
import { readRootTree } from "../../images/rootfs/root-tree.ts";
import { bzImage, efiProgram, machineTypes, zboot } from "../unit/support/kernels.ts";
import { gzipLayer, imageOf, type LayerFile, type TarItem, tarOf } from "../unit/support/layers.ts";

const file = (name: string, content: string | Buffer = ""): TarItem => ({ name, content });
const modules = "usr/lib/modules";
const kernel = (version: string, bytes = bzImage()): TarItem[] => [
  file(`${modules}/${version}/vmlinuz`, bytes),
  file(`${modules}/${version}/initramfs.img`, "initramfs"),
];
const bootc = file("usr/bin/bootc");
const mkfs = file("usr/sbin/mkfs.ext4");
const { x86_64, aarch64 } = machineTypes;
const uki = (machine: number): Buffer =>
  efiProgram(machine, [
    { name: ".linux", content: bzImage().toString("latin1") },
    { name: ".initrd", content: "initramfs" },
    { name: ".cmdline", content: "quiet composefs=abc" },
  ]);

const never = new AbortController().signal;
const how = (directory: string): MakeOptions & { readonly notes: string[] } => {
  const notes: string[] = [];
  return {
    notes,
    directory,
    signal: never,
    runSignal: never,
    onStage: () => undefined,
    onEvidence: () => undefined,
    onNote: (text) => notes.push(text),
  };
};

/** Any machine would be too many. */
const driver = (refusal: string | null = null): MachineDriver => {
  const partly: Partial<MachineDriver> = {
    kind: "qemu",
    timeScale: 1,
    refuse: async () => refusal,
    create: async () => {
      throw new Error("a machine was started");
    },
  };
  return partly as MachineDriver;
};

interface Wish {
  readonly refusal?: string;
  readonly harm?: (blob: string) => Promise<void>;
}

async function failureOf(
  layers: readonly LayerFile[],
  { refusal, harm }: Wish = {},
): Promise<unknown> {
  await using folder = await createWorkspace("odd");
  const image = await imageOf(join(folder.path, "oci"), layers);
  await harm?.(blobPath(image.layout, image.layers[0]?.digest ?? image.digest));
  const scratch = join(folder.path, "scratch");
  await mkdir(scratch);
  const recipe = {
    ...defaultRecipe,
    kernelArguments: [...consoleWords("x86_64")],
    sizeMiB: 16,
    follows: "quay.example/os:1",
  };
  const request = { name: "it", image, recipe, target: join(scratch, "disk"), scratch };
  const builder = createVmBuilder({ driver: driver(refusal ?? null), memoryMiB: 1024 });
  return await builder.build(request, how(folder.path)).catch((error: unknown) => error);
}

describe("the image is to blame for", () => {
  test.each<readonly [string, readonly TarItem[], RegExp]>([
    ["no kernel", [bootc, mkfs], /'it' does not have a kernel/],
    ["two kernels", [bootc, mkfs, ...kernel("6.1"), ...kernel("6.2")], /'it' has 2 kernels/],
    ["no bootc", [mkfs, ...kernel("6.1")], /'it' does not have bootc/],
    [
      "a kernel of another architecture",
      [bootc, mkfs, ...kernel("6.1", zboot(aarch64, "gzip"))],
      /'it' says that it is for x86_64, and its kernel is for aarch64/,
    ],
    [
      "a unified kernel image that is cut off",
      [bootc, mkfs, file("boot/EFI/Linux/a.efi", uki(x86_64).subarray(0, 5000))],
      /unified kernel image '\/boot\/EFI\/Linux\/a\.efi' .* cannot be read/,
    ],
    [
      "a configuration that bootc cannot read",
      [bootc, mkfs, ...kernel("6.1"), file("usr/lib/bootc/install/10.toml", "[install\n")],
      /10\.toml' of the image is malformed/,
    ],
    [
      "a file system of its own choice that it cannot make",
      [
        bootc,
        ...kernel("6.1"),
        file("usr/lib/bootc/install/10.toml", '[install.filesystem.root]\ntype = "xfs"\n'),
      ],
      /cannot make a file system of kind xfs/,
    ],
  ])("%s", async (_, items, words) => {
    const error = await failureOf([gzipLayer(items)]);
    expect(error).toBeInstanceOf(ExpectationFailed);
    expect(messageOf(error)).toMatch(words);
  });

  test("a layer that was made cut off", async () => {
    const { blob, plain } = gzipLayer([bootc, ...kernel("6.1")]);
    const error = await failureOf([{ plain, blob: blob.subarray(0, blob.length >> 1) }]);
    expect(error).toBeInstanceOf(ExpectationFailed);
    expect(messageOf(error)).toMatch(/Layer 1 of 1 .* cannot be read/);
  });
});

describe("the image is not to blame for", () => {
  test.each<readonly [string, (blob: string) => Promise<void>]>([
    ["a copy of a layer that is cut off", (blob) => truncate(blob, 100)],
    [
      "a copy of a layer that is damaged",
      async (blob) => {
        const bytes = await readFile(blob);
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0xff;
        await writeFile(blob, bytes);
      },
    ],
  ])("%s", async (_, harm) => {
    const error = await failureOf([gzipLayer([bootc, ...kernel("6.1")])], { harm });
    expect(error).toBeInstanceOf(UsageError);
    expect(messageOf(error)).toMatch(/is damaged: .*\n(.*\n)*.*copy the image again/);
  });

  test("an archive that our reader refuses, as it does for every builder", async () => {
    const tar = tarOf([{ name: "kept", type: "D" }]);
    const error = await failureOf([{ plain: tar, blob: tar }]);
    expect(error).toBeInstanceOf(CannotTell);
    expect(messageOf(error)).toMatch(/install the image yourself, and name the disk/);
  });

  test("an architecture of which there are no machines", async () => {
    const items = [bootc, mkfs, ...kernel("6.1")];
    const refusal = "machines of aarch64 do not exist yet";
    const error = await failureOf([gzipLayer(items)], { refusal });
    expect(error).toBeInstanceOf(HostUnfit);
    expect(messageOf(error)).toMatch(
      /no machine that runs it can be had here.*\n.*do not exist yet/,
    );
  });

  test("a kernel that QEMU cannot start directly", async () => {
    const packed = kernel("6.1", Buffer.from([0x1f, 0x8b, 8, 0]));
    const error = await failureOf([gzipLayer([bootc, mkfs, ...packed])]);
    expect(error).toBeInstanceOf(CannotTell);
    expect(messageOf(error)).toMatch(
      /cannot be started directly(.|\n)*gzip(.|\n)*--builder podman/,
    );
  });

  test("an EFI zboot kernel of its own architecture", async () => {
    const error = await failureOf([
      gzipLayer([bootc, mkfs, ...kernel("6.1", zboot(x86_64, "zstd"))]),
    ]);
    expect(error).toBeInstanceOf(CannotTell);
    expect(messageOf(error)).toMatch(/it is +EFI zboot \(zstd\)/);
  });
});

test("a helper gets the kernel of a unified kernel image, and a note says so", async () => {
  await using folder = await createWorkspace("odd");
  const efi = file("boot/EFI/Linux/a.efi", uki(x86_64));
  const image = await imageOf(join(folder.path, "oci"), [gzipLayer([efi])]);
  const tree = await readRootTree(image, { signal: never });
  const options = how(folder.path);
  const from = { kind: "uki", path: "/boot/EFI/Linux/a.efi" } as const;
  const request = { name: "it", purpose: toInstall, image, tree, from, folder: folder.path };
  const files = await extractKernel({ ...request, onNote: options.onNote });
  expect(await readFile(files.kernel)).toEqual(bzImage());
  expect(await readFile(files.initrd, "utf8")).toBe("initramfs");
  expect(options.notes).toEqual([
    expect.stringMatching(/in \/boot\/EFI\/Linux\/a\.efi\. .*left out there: quiet composefs=abc$/),
  ]);
});
