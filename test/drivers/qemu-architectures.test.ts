/** One QEMU driver for machines of several architectures: each with its own emulator, found when it is asked for. */
import { chmod, mkdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HostUnfit } from "../../harness/base/errors.ts";
import { runCommand } from "../../harness/base/process.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import type { MachineSpec } from "../../harness/machine/machine.ts";
import { createQemuDriver, type QemuDriverOptions } from "../../harness/machine/qemu/driver.ts";
import { architectureFacts } from "../../harness/machine/qemu/facts.ts";
import { type Architecture, hostArchitecture } from "../../images/image.ts";

const signal = new AbortController().signal;
const own = hostArchitecture();
const other: Architecture = own === "x86_64" ? "aarch64" : "x86_64";
const path = process.env.PATH ?? "";
let workspace: Workspace;
let programs: string;

beforeEach(async () => {
  workspace = await createWorkspace("test");
  programs = join(workspace.path, "bin");
  await mkdir(programs);
  await symlink(process.execPath, join(programs, "node"));
  process.env.FAKE_QEMU_STATE = workspace.path;
});
afterEach(async () => {
  process.env.PATH = path;
  delete process.env.FAKE_QEMU_STATE;
  await workspace[Symbol.asyncDispose]();
});

/** Puts a fake emulator in the place of that of an architecture. */
async function install(architecture: Architecture, behaviour = "healthy"): Promise<void> {
  const target = join(programs, architectureFacts[architecture].binary);
  const fake = new URL(`fake-qemu/${behaviour}`, import.meta.url).pathname;
  await rm(target, { force: true });
  await writeFile(target, `#!/bin/sh\nexec ${fake} "$@"\n`);
  await chmod(target, 0o755);
}

/** Firmware for both, as packages bring it. */
async function firmware(): Promise<string> {
  const folder = join(workspace.path, "firmware");
  await mkdir(folder);
  for (const name of ["CODE.fd", "VARS.fd"]) {
    await writeFile(join(folder, name), "");
    await truncate(join(folder, name), 65_536);
  }
  const file = (filename: string) => ({ filename: join(folder, filename), format: "raw" });
  const targets = [
    { architecture: "x86_64", machines: ["pc-q35-*"] },
    { architecture: "aarch64", machines: ["virt-*"] },
  ];
  const executable = { executable: file("CODE.fd"), "nvram-template": file("VARS.fd") };
  await writeFile(
    join(folder, "60-any.json"),
    JSON.stringify({
      ...{ description: "UEFI", "interface-types": ["uefi"], targets, features: [] },
      mapping: { device: "flash", ...executable },
    }),
  );
  return folder;
}

/** Only the programs of the test are found. */
const onlyOurs = (): void => {
  process.env.PATH = programs;
};

const driverOf = (more: Partial<QemuDriverOptions> = {}) =>
  createQemuDriver({ cacheDir: workspace.path, accelerator: "tcg", ...more });

async function specOf(architecture: Architecture): Promise<MachineSpec> {
  const backingFile = join(workspace.path, "base.qcow2");
  await runCommand("qemu-img", ["create", "-q", "-f", "qcow2", backingFile, "64M"]);
  return {
    ...{ name: "v1", architecture, firmware: "uefi", memoryMiB: 128, cpus: 1 },
    disks: [{ kind: "overlay", backingFile, backingFormat: "qcow2", contentDigest: "sha256:d" }],
    ...{ network: "closed", forwards: [], credentials: {}, imageDigest: "sha256:1" },
  };
}

test("machines of both are made in one run, each by its own emulator", async () => {
  await install(own);
  await install(other);
  process.env.PATH = `${programs}:${path}`;
  const driver = await driverOf({ firmwareFolders: [await firmware()] });
  for (const [architecture, type] of [
    ["x86_64", "-machine q35,"],
    ["aarch64", "-machine virt,gic-version=max,"],
  ] as const) {
    const directory = join(workspace.path, architecture);
    await mkdir(directory);
    await using machine = await driver.create(await specOf(architecture), { directory, signal });
    await machine.power.on(signal);
    const argv = await readFile(join(directory, "qemu.argv"), "utf8");
    expect(argv).toContain(architectureFacts[architecture].binary);
    expect(argv).toContain(type);
  }
});

test("equal specs of two architectures are two templates", async () => {
  await install(own);
  await install(other);
  process.env.PATH = `${programs}:${path}`;
  const { templates } = await driverOf({ firmwareFolders: [await firmware()] });
  const spec = await specOf(own);
  const keys = [spec, { ...spec, architecture: other }].map((one) => templates.key(one));
  expect(new Set(await Promise.all(keys)).size).toBe(2);
});

test("a host without the emulator of another architecture is fit for its own, and is told what to install", async () => {
  await install(own);
  const firmwareFolders = [await firmware()];
  const spec = await specOf(other);
  onlyOurs();
  const { binary, packages } = architectureFacts[other];
  const driver = await driverOf({ firmwareFolders });
  expect(await driver.refuse({ architecture: own, firmware: "uefi" })).toBeNull();
  const refusal = await driver.refuse({ architecture: other, firmware: "uefi" });
  expect(refusal).toContain(`'${binary}'`);
  expect(refusal).toContain(packages);
  const create = driver.create(spec, { directory: workspace.path, signal });
  await expect(create).rejects.toThrow(HostUnfit);
});

test("the accelerator belongs to the architecture: KVM serves the host's own alone", async () => {
  await install(own);
  await install(other);
  process.env.PATH = `${programs}:${path}`;
  const firmwareFolders = [await firmware()];
  const { speedOf } = await driverOf({ firmwareFolders });
  expect(speedOf?.(other)).toEqual({ accelerator: "tcg", timeScale: 6 });
  // What is not probed is not remembered either, so the answer for the host's own stays.
  await expect(readFile(join(workspace.path, "accelerator.json"))).rejects.toThrow();
});

test("a machine of the other architecture alone can be had, where its emulator is all that there is", async () => {
  await install(other);
  onlyOurs();
  const driver = await driverOf({ firmwareFolders: [await firmware()] });
  expect(await driver.refuse({ architecture: other, firmware: "uefi" })).toBeNull();
  expect(await driver.refuse({ architecture: own, firmware: "uefi" })).toMatch(/Install it: apt/);
});

test("there is no BIOS for aarch64, and that is said", async () => {
  await install("aarch64");
  process.env.PATH = `${programs}:${path}`;
  const driver = await driverOf({ firmwareFolders: [await firmware()] });
  expect(await driver.refuse({ architecture: "aarch64", firmware: "bios" })).toMatch(
    /A BIOS for aarch64 does not exist/,
  );
});
