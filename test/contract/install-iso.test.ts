// The installer's driver on a machine that plays a console: only QEMU is left out.
import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  BootFailed,
  CannotTell,
  HostUnfit,
  MachineFault,
  UsageError,
} from "../../harness/base/errors.ts";
import { fileStamp } from "../../harness/base/file-stamp.ts";
import { asDigest } from "../../harness/base/units.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { ConsoleLog } from "../../harness/machine/console/console-log.ts";
import { defaultLimits } from "../../harness/machine/console/console-watcher.ts";
import type { Machine, MachineDriver, MachineSpec } from "../../harness/machine/machine.ts";
import { type InstallRequest, runInstaller } from "../../harness/states/install/run-installer.ts";
import { Installs } from "../../harness/states/installed-disk.ts";
import type { MakeOptions } from "../../harness/states/state.ts";
import type { InstallerImage } from "../../images/image.ts";
import { openIso } from "../../images/iso/iso9660.ts";
import { gptDisk } from "./support/disks.ts";

type End = "switches off" | "dies" | "stays";

interface Play {
  readonly lines: readonly string[];
  readonly end: End;
  /** What the installer leaves on its disk. */
  readonly disk?: Buffer;
}

/** A machine that says some lines on its console when it is switched on. */
function playing({ lines, end, disk }: Play) {
  const seen = { spec: null as MachineSpec | null, isOn: false, isOver: false };
  const create: MachineDriver["create"] = async (spec, { directory }) => {
    seen.spec = spec;
    const path = join(directory, "console.log");
    await writeFile(path, "");
    const console = new ConsoleLog({ ...defaultLimits(1), path, name: spec.name });
    let die: (error: Error) => void = () => undefined;
    const died = new Promise<never>((_, reject) => {
      die = reject;
    });
    died.catch(() => undefined);
    const on = async (): Promise<void> => {
      console.poweredOn();
      seen.isOn = true;
      for (const line of lines) {
        await appendFile(path, `${line}\r\n`);
        console.feed(Buffer.from(`${line}\r\n`));
      }
      const [target] = spec.disks;
      if (disk !== undefined && target?.kind === "working") await writeFile(target.path, disk);
      if (end === "switches off")
        console.machineSaid("powered-off", "the guest switched itself off");
      if (end === "dies") die(new MachineFault("QEMU of machine 'installer' died."));
    };
    const machine: Partial<Machine> = {
      spec,
      console,
      died,
      power: { on, off: async () => undefined, reset: async () => undefined },
      [Symbol.asyncDispose]: async () => {
        console.poweredOff();
        seen.isOver = true;
      },
    };
    return machine as Machine;
  };
  const cost: MachineDriver["cost"] = ({ memoryMiB, cpus }) => ({
    memoryMiB,
    cpus,
    diskMiB: 1,
    locks: [],
  });
  return { driver: { kind: "qemu", timeScale: 1, create, cost } as unknown as MachineDriver, seen };
}

async function scene(path: string) {
  const directory = join(path, "evidence");
  const scratch = join(path, "scratch");
  for (const folder of [directory, scratch]) await mkdir(folder);
  const iso = join(path, "os.iso");
  await writeFile(iso, `${"x".repeat(4096)}kernel${"x".repeat(100)}initrd`);
  const installer: InstallerImage = {
    path: iso,
    label: "OS",
    digest: asDigest(`sha256:${"1".repeat(64)}`),
    stamp: await fileStamp(iso),
    kernel: { path: "/vmlinuz", start: 4096, size: 6 },
    initrd: { path: "/initrd.img", start: 4202, size: 6 },
    arguments: ["inst.stage2=hd:LABEL=OS"],
    carriesImage: true,
  };
  const request: InstallRequest = {
    name: "os.iso",
    installer,
    architecture: "x86_64",
    firmware: "bios",
    kickstart: "text\nreboot\n",
    author: "harness",
    sizeMiB: 64,
    memoryMiB: 1024,
    network: "closed",
    target: join(path, "disk.qcow2"),
    scratch,
  };
  const stages: string[] = [];
  const evidence: string[] = [];
  const { signal } = new AbortController();
  const how: MakeOptions = {
    directory,
    signal,
    runSignal: signal,
    onStage: (stage) => stages.push(stage),
    onEvidence: ({ path: file }) => evidence.push(file),
    onNote: () => undefined,
  };
  return { request, how, stages, evidence, installer };
}

const begun = [
  "[    0.000000] Linux version 6.17.1",
  "anaconda 43.44-1.fc43 for Fedora 43 started.",
];
const good = [
  ...begun,
  "Checking storage configuration...",
  "Bootc deployment in progress: oci:/run/install/repo/container",
  "Installing boot loader",
  "Installation complete",
  "[   99.000000] reboot: Restarting system",
];

test("a good installation ends with its machine off, and its files kept", async () => {
  await using folder = await createWorkspace("install");
  const { request, how, stages, evidence } = await scene(folder.path);
  const { driver, seen } = playing({ lines: good, end: "switches off" });
  const { durationMs } = await runInstaller(driver, request, how);
  expect(durationMs).toBeGreaterThan(0);
  expect(stages).toEqual(
    ["kernel", "anaconda", "storage", "payload", "bootloader", "complete", "reboot"].map(
      (stage) => `installer ${stage}`,
    ),
  );
  expect(seen.isOver).toBe(true);
  expect(evidence.map((file) => file.split("/").at(-1))).toEqual(["console.log", "installer.log"]);
  expect(await readFile(join(how.directory, "ks.cfg"), "utf8")).toBe("text\nreboot\n");
  const { directBoot, disks, rebootEnds } = seen.spec ?? expect.fail();
  expect(rebootEnds).toBe(true);
  expect(disks.map(({ kind }) => kind)).toEqual(["working", "iso", "iso"]);
  expect(await readFile(directBoot?.kernel ?? "", "utf8")).toBe("kernel");
  expect(await readFile(directBoot?.initrd ?? "", "utf8")).toBe("initrd");
  await using volume = await openIso(join(request.scratch, "kickstart.iso"));
  expect(volume.label).toBe("OEMDRV");
  expect(await volume.find("/ks.cfg")).not.toBeNull();
});

const tooSmall = [
  ...begun,
  "The installation was stopped due to an error which occurred while running in non-interactive cmdline mode.",
  "storage configuration failed: Unable to allocate requested partition scheme.",
];

test.each<[string, Play, abstract new (...args: never) => Error, RegExp]>([
  [
    "told a failure and stays, as Anaconda does for three minutes",
    { lines: tooSmall, end: "stays" },
    HostUnfit,
    /too small for what the kickstart asks for/,
  ],
  [
    "told a failure and went off at once",
    { lines: tooSmall, end: "switches off" },
    HostUnfit,
    /too small for what the kickstart asks for/,
  ],
  [
    "went off before it was done",
    { lines: begun, end: "switches off" },
    CannotTell,
    /ended the machine before it was done[\s\S]*stage +anaconda/,
  ],
  ["lost its machine", { lines: begun, end: "dies" }, MachineFault, /QEMU .* died/],
  [
    "panics before it runs, started by us",
    { lines: [...begun.slice(0, 1), "[ 1.0] Kernel panic - not syncing: VFS"], end: "stays" },
    CannotTell,
    /did not come up[\s\S]*kernel/i,
  ],
  [
    "panics while it runs",
    { lines: [...begun, "[ 9.0] Kernel panic - not syncing: Attempted"], end: "stays" },
    BootFailed,
    /panic/,
  ],
])(
  "an installer that %s",
  async (_what, play, kind, expected) => {
    await using folder = await createWorkspace("install");
    const { request, how } = await scene(folder.path);
    const { driver, seen } = playing(play);
    const error = await runInstaller(driver, request, how).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toMatch(expected);
    expect(seen.isOver).toBe(true);
  },
  30_000,
);

test("an ISO that has changed since it was looked at is not started", async () => {
  await using folder = await createWorkspace("install");
  const { request, how, installer } = await scene(folder.path);
  await appendFile(installer.path, "more");
  const { driver, seen } = playing({ lines: good, end: "switches off" });
  await expect(runInstaller(driver, request, how)).rejects.toBeInstanceOf(UsageError);
  expect(seen.spec).toBeNull();
});

test("a run that is stopped ends the machine, with the run's reason", async () => {
  await using folder = await createWorkspace("install");
  const { request, how } = await scene(folder.path);
  const { driver, seen } = playing({ lines: begun, end: "stays" });
  const stop = new AbortController();
  const running = runInstaller(driver, request, { ...how, signal: stop.signal });
  running.catch(() => undefined);
  await expect.poll(() => seen.isOn, { timeout: 30_000 }).toBe(true);
  stop.abort(new UsageError("Enough."));
  await expect(running).rejects.toThrow("Enough.");
  expect(seen.isOver).toBe(true);
});

test("the state of an ISO is its disk, by firmware, and goes with the run", async () => {
  await using folder = await createWorkspace("install");
  const { how, installer } = await scene(folder.path);
  const { driver } = playing({ lines: good, end: "switches off", disk: gptDisk() });
  const image = {
    ...{
      name: "os.iso",
      digest: installer.digest,
      manifest: null,
      architecture: "x86_64" as const,
    },
    ...{ disk: null, installer, oci: null, follows: null, standIns: [] },
  };
  const options = { driver, sizeMiB: 64, memoryMiB: 1024, network: "closed" } as const;
  let path = "";
  {
    await using installs = new Installs({
      identity: "test",
      ...options,
      kickstart: async () => ({ text: "text\n", author: "harness" }),
    });
    const state = (await installs.stateOf(image, "bios")) ?? expect.fail();
    expect((await installs.stateOf(image, "uefi"))?.key).not.toBe(state.key);
    expect(await installs.stateOf({ ...image, installer: undefined as never }, "bios")).toBeNull();
    await expect(installs.withDisk(image, "bios")).rejects.toThrow(TypeError);
    await state.make(how);
    expect(await state.isMade()).toBe(true);
    const { disk } = await installs.withDisk(image, "bios");
    expect(disk.installSeconds).toBeGreaterThan(0);
    expect(disk.deviations?.map(({ id }) => id)).toEqual(["installed"]);
    path = disk.path;
    expect((await readFile(path)).length).toBeGreaterThan(0);
  }
  await expect(readFile(path)).rejects.toThrow(/ENOENT/);
  await rm(folder.path, { recursive: true, force: true });
});

test("an installer that leaves no disk to boot has failed, and nothing of it stays", async () => {
  await using folder = await createWorkspace("install");
  const { how, installer } = await scene(folder.path);
  const { driver } = playing({ lines: good, end: "switches off" });
  await using installs = new Installs({
    identity: "test",
    driver,
    sizeMiB: 64,
    memoryMiB: 1024,
    network: "closed",
    kickstart: async () => ({ text: null, author: "iso" }),
  });
  const image = {
    ...{
      name: "os.iso",
      digest: installer.digest,
      manifest: null,
      architecture: "x86_64" as const,
    },
    ...{ disk: null, installer, oci: null, follows: null, standIns: [] },
  };
  const state = (await installs.stateOf(image, "bios")) ?? expect.fail();
  await expect(state.make(how)).rejects.toThrow(/left a disk that cannot be booted/);
  expect(await state.isMade()).toBe(false);
});
