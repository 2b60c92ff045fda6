/** Packages of another kernel: the folder that a run names, who asks for it, and what a guest tells of its kernels. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { asDigest } from "../../harness/base/units.ts";
import { refuseIdleKernel } from "../../harness/cli/wiring/idle-options.ts";
import { type MachineChoice, planJobs } from "../../harness/engine/plan.ts";
import type { LoadedScenario } from "../../harness/engine/scenario.ts";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import { parseEntries } from "../../harness/guest/tools/grub.ts";
import { rpmOf } from "../../harness/guest/tools/rpm.ts";
import { insideScript } from "../../harness/states/build/run-in-image.ts";
import type { Image } from "../../images/image.ts";
import {
  digestsOfKernelPackages,
  listKernelPackages,
  namedKernelPackages,
} from "../../images/kernel-packages.ts";

const { signal } = new AbortController();

async function folderWith(files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), "bootgate-kernel-"));
  onTestFinished(() => rm(parent, { recursive: true }));
  const folder = join(parent, "kernel");
  await mkdir(folder);
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

const rpmFile = (text: string): Buffer =>
  Buffer.concat([Buffer.from([0xed, 0xab, 0xee, 0xdb]), Buffer.from(text)]);

describe("the folder", () => {
  test("is known by its packages' names and bytes, and by nothing else in it", async () => {
    const files = { "kernel-core.rpm": rpmFile("a"), "kernel-modules.rpm": rpmFile("b") };
    const digests = await digestsOfKernelPackages(await folderWith(files), signal);
    expect(digests.map(([name]) => name)).toEqual(["kernel-core.rpm", "kernel-modules.rpm"]);
    const again = await folderWith({ ...files, README: "of mine" });
    expect(await digestsOfKernelPackages(again, signal)).toEqual(digests);
    const other = await folderWith({ ...files, "kernel-core.rpm": rpmFile("c") });
    expect(await digestsOfKernelPackages(other, signal)).not.toEqual(digests);
  });

  test("is named from a folder, or not at all", async () => {
    const folder = await folderWith({ "kernel.rpm": rpmFile("") });
    expect(await namedKernelPackages(join(folder, ".."), "kernel")).toEqual({
      kernelPackages: folder,
    });
    expect(await namedKernelPackages("/", undefined)).toEqual({});
  });

  test.each([
    ["nothing", {}, /it has 0 files that end in \.rpm/],
    ["an HTML page by that name", { "kernel.rpm": "<html>" }, /is not an RPM package/],
    ["an empty file", { "kernel.rpm": "" }, /is not an RPM package/],
    [
      "a whole repository",
      Object.fromEntries([...Array(41).keys()].map((at) => [`${at}.rpm`, rpmFile("")])),
      /it has 41 files/,
    ],
  ])("is refused with %s in it", async (_, files, words) => {
    const refused = listKernelPackages(await folderWith(files));
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(words);
  });

  test("is refused where it is not there", async () => {
    await expect(namedKernelPackages("/", "nowhere/at/all")).rejects.toThrow(/cannot be read/);
  });
});

const story = (kernelPackages?: true): LoadedScenario => ({
  id: "dnf5/other-kernel",
  definition: {
    summary: "",
    needs: { images: ["candidate"], ...(kernelPackages === true ? { kernelPackages } : {}) },
    timeoutMinutes: 1,
    run: async () => undefined,
  },
});

test("the option is refused where no scenario asks for the packages", () => {
  expect(() => refuseIdleKernel("folder", [story()])).toThrow(/says nothing to the scenarios/);
  expect(() => refuseIdleKernel("folder", [story(), story(true)])).not.toThrow();
  expect(() => refuseIdleKernel(undefined, [story()])).not.toThrow();
});

test("a story about another kernel is skipped where nobody named its packages", () => {
  const digest = asDigest(`sha256:${"1".repeat(64)}`);
  const image: Image = {
    ...{ name: "it", digest, manifest: digest, architecture: "x86_64", standIns: [] },
    disk: { path: "/disk.qcow2", format: "qcow2", digest },
    ...{ oci: null, follows: null },
  };
  const profile = { driver: "qemu", architecture: "x86_64", firmware: "uefi" } as const;
  const machine: MachineChoice = {
    ...{ ...profile, accelerator: "tcg", timeScale: 6, memoryMiB: 1536, cpus: 2 },
    ...{ network: "closed", capabilities: new Set(), sectorBytes: [512], refusal: null },
  };
  const skipOf = (candidate: Image, kernel?: true): string | null | undefined =>
    planJobs({
      scenarios: [story(kernel)],
      images: { candidate },
      machines: [machine],
      repeatOptions: [],
    })[0]?.skip;
  expect(skipOf(image, true)).toMatch(/--kernel-packages DIR/);
  expect(skipOf({ ...image, kernelPackages: "/kernel" }, true)).toBeNull();
  expect(skipOf(image)).toBeNull();
});

test("lines of a story find the packages where the harness puts them", () => {
  const run = ["ls"];
  expect(insideScript({ packages: [], run })).toBe("ls\n");
  const kernel = { folder: "/host", names: ["kernel.rpm"] };
  expect(insideScript({ packages: [], run, kernel })).toBe(
    "kernel_packages=/.bootgate/kernel-packages\nls\n",
  );
});

describe("what rpm tells of kernels", () => {
  const io = (answers: Readonly<Record<string, string>>): GuestIo => ({
    ...{ name: "candidate", timeScale: 1, lookAt: "console.log" },
    exec: async (command) => {
      const found = Object.entries(answers).find(([word]) => command.includes(word));
      const stdout = found?.[1] ?? "";
      return { command, exitCode: 1, stdout, stderr: "", durationMs: 1, truncated: false };
    },
  });

  test("are the packages that provide one, once each, and not its sentences", async () => {
    const told =
      "kernel-core-6.12.1-1.fc41.x86_64\nkernel-6.12.1-1.fc41.x86_64\nkernel-core-6.12.1-1.fc41.x86_64\nno package provides installonlypkg(kernel-module)\n";
    expect(await rpmOf(io({ whatprovides: told })).kernelPackages()).toEqual([
      "kernel-6.12.1-1.fc41.x86_64",
      "kernel-core-6.12.1-1.fc41.x86_64",
    ]);
  });

  test("are those that want one and are not its own", async () => {
    const guest = io({
      whatprovides: "kernel-modules-6.12.1-1.fc41.x86_64\n",
      whatrequires: "kernel-modules-6.12.1-1.fc41.x86_64\nkmod-it-1-1.x86_64\n",
    });
    expect(await rpmOf(guest).boundToKernel()).toEqual(["kmod-it-1-1.x86_64"]);
  });

  test("is nothing that a shell could take for more than a word", async () => {
    const guest = io({ whatprovides: "kernel-1;reboot\n$(reboot)\n-rf\n" });
    expect(await rpmOf(guest).kernelPackages()).toEqual([]);
  });
});

test("a boot loader entry tells which kernel it starts, and with which initramfs", () => {
  const path = "/boot/loader/entries/ostree-1.conf";
  const text = [
    `${path}:title Fedora`,
    `${path}:version 1`,
    `${path}:linux /boot/ostree/default-4d/vmlinuz-6.12.1-1.fc41.x86_64`,
    `${path}:initrd /boot/ostree/default-4d/initramfs-6.12.1-1.fc41.x86_64.img`,
    `${path.replace("1", "2")}:title Memory test`,
  ].join("\n");
  expect(parseEntries(text).map(({ kernel, initramfs }) => [kernel, initramfs])).toEqual([
    ["vmlinuz-6.12.1-1.fc41.x86_64", "initramfs-6.12.1-1.fc41.x86_64.img"],
    ["", ""],
  ]);
});
