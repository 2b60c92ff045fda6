// The installer's driver on a machine that plays a console: only QEMU is left out.

import { appendFile, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  BootFailed,
  CannotTell,
  HostUnfit,
  MachineFault,
  UsageError,
} from "../../harness/base/errors.ts";
import { Secret } from "../../harness/base/secrets.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import type { MachineSpec } from "../../harness/machine/machine.ts";
import { kickstartUrl } from "../../harness/states/install/kickstart-service.ts";
import { runInstaller } from "../../harness/states/install/run-installer.ts";
import { Installs } from "../../harness/states/installed-disk.ts";
import { openIso } from "../../images/iso/iso9660.ts";
import { gptDisk } from "../contract/support/disks.ts";
import { type Play, playing, scene } from "../contract/support/playing-installer.ts";
import { isoImage } from "../unit/support/installer-iso.ts";

const begun = [
  "[    0.000000] Linux version 6.17.1",
  "anaconda 43.44-1.fc43 for Fedora 43 started.",
];
const good = [
  ...begun,
  "Checking storage configuration...",
  "Bootc deployment in progress: oci:/run/install/repo/container",
  "Installing boot loader",
  "Storing configuration files and kickstarts",
  "[   99.000000] reboot: Restarting system",
];

test("a good installation ends with its machine off, and its files kept", async () => {
  await using folder = await createWorkspace("install");
  const { request, how, stages, evidence } = await scene(folder.path);
  const { driver, seen } = playing({ lines: good, end: "switches off" });
  const { durationMs } = await runInstaller(driver, request, how);
  expect(durationMs).toBeGreaterThan(0);
  expect(stages).toEqual(
    ["kernel", "anaconda", "storage", "payload", "bootloader", "reboot"].map(
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

test("a kickstart over HTTP is served to the installer, and to nobody afterwards", async () => {
  await using folder = await createWorkspace("install");
  const { request, how } = await scene(folder.path);
  const fetched: string[] = [];
  let origin = "";
  const first = async ({ forwards: [forward] }: MachineSpec): Promise<void> => {
    expect(forward).toMatchObject({ guestAddress: "10.0.2.101", guestPort: 80 });
    origin = `http://127.0.0.1:${forward?.hostPort}`;
    fetched.push(await (await fetch(`${origin}${new URL(kickstartUrl).pathname}`)).text());
    for (const path of ["/etc/passwd", "/ks.cfg"])
      expect((await fetch(`${origin}${path}`)).status).toBe(404);
    expect(
      (await fetch(`${origin}${new URL(kickstartUrl).pathname}`, { method: "POST" })).status,
    ).toBe(404);
  };
  const { driver, seen } = playing({ lines: good, end: "switches off", first });
  await runInstaller(driver, { ...request, way: "http" }, how);
  expect(fetched).toEqual(["text\nreboot\n"]);
  const { directBoot, disks } = seen.spec ?? expect.fail();
  expect(directBoot?.arguments).toContain(` inst.ks=${kickstartUrl} `);
  expect(disks.map(({ kind }) => kind)).toEqual(["working", "iso"]);
  await expect(fetch(`${origin}${new URL(kickstartUrl).pathname}`)).rejects.toThrow();
});

test("an installer that hangs is ended by the watchdog, with the stage in which it hangs", async () => {
  await using folder = await createWorkspace("install");
  const { request, how } = await scene(folder.path);
  const lines = [...good.slice(0, 5), "Running post-installation scripts"];
  const { driver, seen } = playing({ lines, end: "stays" });
  const running = runInstaller(driver, { ...request, stillMs: 1200 }, how);
  const error = await running.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(CannotTell);
  expect((error as Error).message).toMatch(/stood still\.[\s\S]*stage +post[\s\S]*for 1\.2 s/);
  expect(seen.isOver).toBe(true);
});

const tooSmall = [
  ...begun,
  "Saving storage configuration...",
  "Failed to save storage configuration",
  "Unable to allocate requested partition scheme.",
  "Installation Destination (Kickstart insufficient)",
  "The installation was stopped due to an error which occurred while running in non-interactive cmdline mode.",
  "The exact error message is:",
  "The following mandatory spokes are not completed:",
  "Installation Destination.",
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

test("a registry of the harness's that dies in the middle of a pull is nobody's fault but its own", async () => {
  await using folder = await createWorkspace("install");
  const { request, how } = await scene(folder.path);
  let die: (error: Error) => void = () => undefined;
  const died = new Promise<never>((_, reject) => {
    die = reject;
  });
  const forward = { guestAddress: "10.0.2.100", guestPort: 5000, hostPort: 40_000 };
  const payload = { forward, died, [Symbol.asyncDispose]: async () => undefined };
  const { driver, seen } = playing({ lines: good.slice(0, 4), end: "stays" });
  const running = runInstaller(driver, { ...request, payload }, how);
  running.catch(() => undefined);
  await expect.poll(() => seen.isOn, { timeout: 30_000 }).toBe(true);
  expect(seen.spec?.forwards).toEqual([forward]);
  die(new MachineFault("The harness's registry died."));
  await expect(running).rejects.toThrow("The harness's registry died.");
  expect(seen.isOver).toBe(true);
});

test("the state of an ISO is its disk, by firmware, and goes with the run", async () => {
  await using folder = await createWorkspace("install");
  const { how, installer } = await scene(folder.path);
  const { driver } = playing({ lines: good, end: "switches off", disk: gptDisk() });
  const image = isoImage(installer);
  const options = { driver, sizeMiB: 64, memoryMiB: 1024, network: "closed" } as const;
  const passphrase = new Secret("correct-horse");
  let path = "";
  {
    await using installs = new Installs({
      identity: "test",
      serve: () => expect.fail("Nothing asks for a registry."),
      ...options,
      kickstart: async () => ({
        text: "autopart --encrypted --passphrase=correct-horse\n",
        author: "harness",
        passphrase,
      }),
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
    // What it was encrypted with goes with the disk, and is not in what is kept of the installation.
    expect(disk.passphrase).toBe(passphrase);
    expect(await readFile(join(how.directory, "ks.cfg"), "utf8")).toBe(
      "autopart --encrypted --passphrase=…\n",
    );
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
    serve: () => expect.fail("Nothing asks for a registry."),
    driver,
    sizeMiB: 64,
    memoryMiB: 1024,
    network: "closed",
    kickstart: async () => ({ text: null, author: "iso" }),
  });
  const image = isoImage(installer);
  const state = (await installs.stateOf(image, "bios")) ?? expect.fail();
  await expect(state.make(how)).rejects.toThrow(/left a disk that cannot be booted/);
  expect(await state.isMade()).toBe(false);
});
