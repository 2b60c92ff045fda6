/** The installation in a helper machine, with a shell of this host in the place of the helper: no machine is started. */

import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CannotTell, CommandFailed, HostUnfit } from "../../harness/base/errors.ts";
import type { Machine, MachineDriver } from "../../harness/machine/machine.ts";
import type { BuildResult } from "../../harness/states/build/builder.ts";
import { defaultRecipe } from "../../harness/states/build/recipe.ts";
import { createVmBuilder } from "../../harness/states/build/vm-builder.ts";
import { consoleWords } from "../../images/image.ts";
import { ShellPort } from "../drivers/support/shell-port.ts";
import { bzImage } from "../unit/support/kernels.ts";
import { gzipLayer, imageOf } from "../unit/support/layers.ts";

let folder = "";
let port: ShellPort;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-vm-builder-"));
  port = new ShellPort();
});
afterEach(async () => {
  port[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

const never = new Promise<never>(() => undefined);

/** A helper whose `bootc` says these words and then runs this line of shell. */
async function helper(words: string, then: string): Promise<MachineDriver> {
  const bin = join(folder, "bin");
  await mkdir(bin);
  const bootc = join(bin, "bootc");
  const version = 'test "$1" = --version && { echo bootc 1.16.9; exit; }';
  await writeFile(bootc, `#!/bin/sh\n${version}\ncat <<'END'\n${words}\nEND\n${then}\n`);
  await chmod(bootc, 0o755);
  const at = (name: string): string => join(folder, name);
  await writeFile(at("serial"), "disk1\n");
  const evidence = at("evidence");
  await mkdir(evidence);
  const path = join(evidence, "console.log");
  await writeFile(path, "");
  port.files.set("/sys/block/vdb/serial", at("serial"));
  port.files.set("tee /dev/console", `tee -a ${path}`);
  port.files.set("/run/install.rc", at("rc"));
  port.start({ ...process.env, PATH: `${bin}:${process.env.PATH}` });
  const machine: Partial<Machine> = {
    port,
    died: never,
    console: {
      path,
      fatal: never,
      onStage: () => () => undefined,
      guestAnswered: () => undefined,
    } as unknown as Machine["console"],
    power: { on: async () => undefined } as unknown as Machine["power"],
    [Symbol.asyncDispose]: async () => port.stop(),
  };
  const driver: Partial<MachineDriver> = {
    kind: "qemu",
    timeScale: 1,
    refuse: async () => null,
    create: async () => machine as Machine,
  };
  return driver as MachineDriver;
}

interface Told {
  readonly stages: string[];
  readonly evidence: string[];
}

async function build(
  driver: MachineDriver,
  signal = new AbortController().signal,
  told: Told = { stages: [], evidence: [] },
): Promise<BuildResult> {
  const file = (name: string, content: string | Buffer = "") => ({ name, content });
  const layer = gzipLayer([
    file("usr/lib/modules/6.1/vmlinuz", bzImage()),
    file("usr/lib/modules/6.1/initramfs.img"),
    file("usr/bin/bootc"),
    file("usr/sbin/mkfs.ext4"),
  ]);
  const image = await imageOf(join(folder, "oci"), [layer]);
  const scratch = join(folder, "scratch");
  await mkdir(scratch);
  const recipe = {
    ...defaultRecipe,
    kernelArguments: [...consoleWords("x86_64")],
    sizeMiB: 16,
    follows: "quay.example/os:1",
  };
  return createVmBuilder({ driver, memoryMiB: 1024 }).build(
    { name: "it", image, recipe, target: join(scratch, "disk"), scratch },
    {
      directory: join(folder, "evidence"),
      signal,
      runSignal: signal,
      onStage: (stage) => told.stages.push(stage),
      onEvidence: ({ kind }) => told.evidence.push(kind),
      onNote: () => undefined,
    },
  );
}

const installLog = (): Promise<string> => readFile(join(folder, "evidence", "install.log"), "utf8");

test("the installer is followed, its words are kept, and its command is told", async () => {
  const told = { stages: [], evidence: [] } as Told;
  const driver = await helper("Installing image: x\nInstallation complete!", "exit 0");
  const made = await build(driver, undefined, told);
  expect(made).toMatchObject({ builder: "vm", installer: "bootc 1.16.9", filesystem: "ext4" });
  expect(made.command).toMatch(/^bootc install to-disk .* --wipe \/dev\/vdb$/);
  expect(told.stages).toEqual(expect.arrayContaining(["install: installing", "install: complete"]));
  expect(told.evidence).toContain("installer");
  expect(await installLog()).toBe("Installing image: x\nInstallation complete!\n");
});

test.each([
  ["error: Installing to disk: bootupd is required for ostree-based installs", CannotTell],
  ["error: Importing: No space left on device (os error 28)", HostUnfit],
  ["error: Creating rootfs: mkfs.ext4: No such file or directory", CommandFailed],
])("%s", async (words, kind) => {
  const failure: unknown = await build(await helper(words, "exit 1")).catch((e: unknown) => e);
  expect(failure).toBeInstanceOf(kind);
  expect(await installLog()).toContain(words);
});

test("what was said until the harness ended it is kept", async () => {
  const stop = new AbortController();
  const told = { stages: [], evidence: [] } as Told;
  const driver = await helper("Installing image: x\nFetching layers", "exec sleep 1000");
  const building = build(driver, stop.signal, told);
  building.catch(() => undefined);
  await vi.waitFor(() => expect(told.stages).toContain("install: layers"), { timeout: 20_000 });
  stop.abort(new Error("its time was over"));
  await expect(building).rejects.toThrow("its time was over");
  expect(await installLog()).toBe("Installing image: x\nFetching layers\n");
  expect(told.evidence).toContain("installer");
});
