/** The serial port of a real QEMU, with a guest that fits into a boot sector: it counts without end, and says again what is typed. */
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { MachineFault, UsageError } from "../../harness/base/errors.ts";
import { waitFor } from "../../harness/base/wait.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { ConsolePort } from "../../harness/machine/qemu/console-port.ts";
import { createQemuDriver } from "../../harness/machine/qemu/driver.ts";
import type { QemuMachine } from "../../harness/machine/qemu/qemu-machine.ts";

const signal = new AbortController().signal;
let workspace: Workspace;
let machine: QemuMachine;

/**
 * Real-mode code for 0x7c00: cli, xor bx,bx; then for ever, where the port's line status (0x3fd) has a byte, it is read at 0x3f8
 * and written back, else the next character from 0x20 to 0x5f is written.
 */
const program = [
  ...[0xfa, 0x31, 0xdb, 0xba, 0xfd, 0x03, 0xec, 0xb2, 0xf8, 0xa8, 0x01, 0x75, 0x0a],
  ...[0x88, 0xd8, 0x24, 0x3f, 0x04, 0x20, 0xee, 0x43, 0xeb, 0xec, 0xec, 0xee, 0xeb, 0xe8],
];
const counted = (bytes: Buffer): Buffer =>
  bytes.filter((byte) => byte >= 0x20 && byte < 0x60) as Buffer;

beforeAll(async () => {
  workspace = await createWorkspace("console");
  const sector = Buffer.alloc(1024 * 1024);
  Buffer.from(program).copy(sector);
  sector.writeUInt16LE(0xaa55, 510);
  const path = join(workspace.path, "disk.img");
  await writeFile(path, sector);
  const directory = join(workspace.path, "run");
  await mkdir(directory);
  const driver = await createQemuDriver({
    cacheDir: workspace.path,
    accelerator: "tcg",
  });
  machine = (await driver.create(
    {
      name: "counter",
      architecture: "x86_64",
      firmware: "bios",
      memoryMiB: 64,
      cpus: 1,
      disks: [{ kind: "working", path, format: "raw", readOnly: false }],
      network: "closed",
      forwards: [],
      credentials: {},
      imageDigest: `sha256:${"1".repeat(64)}`,
    },
    { directory, signal },
  )) as QemuMachine;
});
afterAll(async () => {
  await machine[Symbol.asyncDispose]();
  await workspace[Symbol.asyncDispose]();
});

const said = () => readFile(machine.console.path);
const until = (what: string, isThere: (bytes: Buffer) => boolean): Promise<true> =>
  waitFor({
    what,
    probe: async () => isThere(await said()) || undefined,
    timeoutMs: 20_000,
    signal,
  });
/** What a guest that has counted once to its end has said. */
const firstRound = Buffer.from(Array.from({ length: 64 }, (_, at) => 0x20 + at));

test("a machine that is off cannot be typed at", async () => {
  await expect(machine.console.type("a")).rejects.toBeInstanceOf(MachineFault);
});

test("what is typed reaches the guest, and not a byte that it says is lost meanwhile", async () => {
  await machine.power.on(signal);
  await until("the guest to count", (bytes) => bytes.length > 20_000);
  await Promise.all([..."abcdefghijklmnopqrstuvwxyz"].map((key) => machine.console.type(key)));
  await until("the letters", (bytes) => bytes.includes(0x7a));
  const bytes = await said();
  const guests = bytes.subarray(bytes.indexOf(firstRound));
  const letters = guests.filter((byte) => byte >= 0x60);
  expect(letters.toString()).toBe("abcdefghijklmnopqrstuvwxyz");
  const numbers = counted(guests);
  const gap = numbers.findIndex(
    (byte, at) => at > 0 && byte !== 0x20 + (((numbers[at - 1] ?? 0) - 0x1f) % 64),
  );
  expect(gap).toBe(-1);
});

test("a guest that reads nothing makes neither QEMU nor the harness wait, and goes on afterwards", async () => {
  const { monitor } = machine.running;
  await monitor.execute("stop", {}, signal);
  const fill = async (): Promise<never> => {
    for (;;) await machine.console.type("x".repeat(4096));
  };
  await expect(fill()).rejects.toThrow("leaves unread");
  expect(await monitor.execute("query-status", {}, signal)).toMatchObject({ status: "paused" });
  const { size } = await stat(machine.console.path);
  await monitor.execute("cont", {}, signal);
  await until("the guest to go on", (bytes) => bytes.length > size + 10_000);
  await expect(machine.console.type("y".repeat(4097))).rejects.toBeInstanceOf(UsageError);
});

test("power off and on: nothing that was left unread is read by the next boot, and it can be typed at too", async () => {
  // What the test before typed may fill the pipe still.
  await machine.power.off(signal);
  await machine.power.on(signal);
  await machine.running.monitor.execute("stop", {}, signal);
  await machine.console.type("stale");
  await machine.power.off(signal);
  expect(await readdir(machine.workspacePath)).not.toContain("typed");
  const before = (await said()).length;
  await machine.power.on(signal);
  await machine.console.type("k");
  await until("the key", (bytes) => bytes.subarray(before).includes(0x6b));
});

test("a port whose log is full is cut off, and typing says so", async () => {
  const consoleFile = join(workspace.path, "full.log");
  const execute = vi.fn(async () => ({}));
  const port = new ConsolePort({ folder: workspace.path, consoleFile });
  await port.mute({ execute });
  const backend = { type: "null", data: {} };
  const change = ["chardev-change", { id: "console", backend }, expect.anything()];
  expect(execute).toHaveBeenCalledExactlyOnceWith(...change);
  expect(await readFile(consoleFile, "utf8")).toContain("it has reached its limit");
  await expect(port.type("a", { execute })).rejects.toThrow("is full");
  expect(execute).toHaveBeenCalledOnce();
  await port.close();
});
