/** The QEMU driver against fake emulators named by what they do: what goes wrong, and what is left behind then. */
import { access, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BootFailed, HostUnfit, MachineFault, UsageError } from "../../harness/base/errors.ts";
import { runCommand } from "../../harness/base/process.ts";
import { waitFor } from "../../harness/base/wait.ts";
import {
  createWorkspace,
  ownerLabel,
  type Workspace,
  workspaceRoot,
} from "../../harness/base/workspace.ts";
import type { Machine, MachineSpec } from "../../harness/machine/machine.ts";
import { createQemuDriver, type QemuDriverOptions } from "../../harness/machine/qemu/driver.ts";
import type { QemuMachine } from "../../harness/machine/qemu/qemu-machine.ts";
import { machineContract } from "./machine/contract.ts";

const signal = new AbortController().signal;
const fake = (name: string): string => new URL(`fake-qemu/${name}`, import.meta.url).pathname;
let workspace: Workspace;
let disk: string;
let count = 0;

beforeAll(async () => {
  workspace = await createWorkspace("test");
  disk = join(workspace.path, "base.qcow2");
  await runCommand("qemu-img", ["create", "-q", "-f", "qcow2", disk, "64M"]);
  process.env.FAKE_QEMU_STATE = workspace.path;
});
afterAll(async () => {
  delete process.env.FAKE_QEMU_STATE;
  await workspace[Symbol.asyncDispose]();
});

const driverOf = (name: string, more: Partial<QemuDriverOptions> = {}) =>
  createQemuDriver({ cacheDir: workspace.path, accelerator: "tcg", binary: fake(name), ...more });

const overlay = {
  kind: "overlay",
  backingFormat: "qcow2",
  contentDigest: `sha256:${"d".repeat(64)}`,
} as const;

const specOf = (change: Partial<MachineSpec> = {}): MachineSpec => ({
  name: "v1",
  architecture: "x86_64",
  firmware: "bios",
  memoryMiB: 128,
  cpus: 1,
  disks: [{ ...overlay, backingFile: disk }],
  network: "closed",
  forwards: [],
  credentials: {},
  imageDigest: `sha256:${"1".repeat(64)}`,
  ...change,
});

async function make(
  name: string,
  change: Partial<MachineSpec> = {},
  more: Partial<QemuDriverOptions> = {},
) {
  const driver = await driverOf(name, more);
  const directory = join(workspace.path, `run-${count++}`);
  await mkdir(directory);
  return (await driver.create(specOf(change), { directory, signal })) as QemuMachine;
}

const failureOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.unreachable("it had to fail"),
    (error: unknown) => error as Error,
  );

/** Workspaces of this process: others on this host may come and go. */
const ownFolders = async (): Promise<string[]> =>
  (await readdir(workspaceRoot())).filter((name) => name.startsWith(ownerLabel()));

/** Nothing of a machine may be left: neither its process nor its workspace. */
async function expectGone(machine: Machine, pid: number | null): Promise<void> {
  await machine[Symbol.asyncDispose]();
  await expect(access((machine as QemuMachine).workspacePath)).rejects.toThrow();
  if (pid !== null) await expect(access(`/proc/${pid}`)).rejects.toThrow();
}

machineContract(
  "fake QEMU",
  async () => ({
    driver: await driverOf("healthy"),
    spec: specOf(),
    guestSwitchesOff: async (machine) => {
      await (machine as QemuMachine).running.monitor.execute("system_powerdown", {}, signal);
    },
    kill: async (machine) => void (await (machine as QemuMachine).running.process.kill()),
  }),
  { kernelMs: 10_000, offMs: 10_000 },
);

test("a QEMU that ends at its start is quoted, and nothing is left", async () => {
  const machine = await make("exits-early");
  const error = await failureOf(machine.power.on(signal));
  expect(error).toBeInstanceOf(MachineFault);
  expect(error.message).toContain("is not a valid device model name");
  expect(await readFile(join(machine.directory, "qemu.log"), "utf8")).toContain("exit code 1");
  expect(await readFile(join(machine.directory, "qemu.argv"), "utf8")).toContain("-machine q35");
  await expectGone(machine, null);
});

test("a QEMU that never connects to the monitor is given up and killed", async () => {
  const machine = await make("never-speaks-qmp", {}, { greetingMs: 700 });
  const error = await failureOf(machine.power.on(signal));
  expect(error.message).toContain("monitor did not answer");
  await expectGone(machine, null);
});

test("a monitor that speaks nonsense is a fault of the machine", async () => {
  const machine = await make("speaks-nonsense");
  const error = await failureOf(machine.power.on(signal));
  expect(error).toBeInstanceOf(MachineFault);
  expect(error.message).toContain("not QMP");
  await expectGone(machine, machine.isOn ? machine.running.process.pid : null);
});

test("a QEMU that obeys neither quit nor SIGTERM is killed", async () => {
  const machine = await make("ignores-quit");
  await machine.power.on(signal);
  const { pid } = machine.running.process;
  await machine.power.off(signal);
  await expect(access(`/proc/${pid}`)).rejects.toThrow();
  await expectGone(machine, pid);
});

test("a QEMU that is killed in mid-run is reported at once, with its last words", async () => {
  await using machine = await make("dies-later");
  await machine.power.on(signal);
  const error = await failureOf(machine.died);
  expect(error).toBeInstanceOf(MachineFault);
  expect(error.message).toMatch(/SIGKILL[\s\S]*cannot allocate memory/);
});

test("a guest that switches itself off is not a death of the machine, but ends a wait for its boot", async () => {
  await using machine = await make("guest-powers-off");
  await machine.power.on(signal);
  const error = await failureOf(Promise.race([machine.console.fatal, machine.died]));
  expect(error).toBeInstanceOf(BootFailed);
  expect(error.message).toContain("switched itself off");
});

test("a panic that only the pvpanic device tells ends the boot", async () => {
  await using machine = await make("panics");
  await machine.power.on(signal);
  const error = await failureOf(Promise.race([machine.console.fatal, machine.died]));
  expect(error).toBeInstanceOf(BootFailed);
  expect(error.message).toContain("pvpanic");
});

test("a host whose disk is full is the machine's fault, not the image's", async () => {
  await using machine = await make("disk-full");
  await machine.power.on(signal);
  const error = await failureOf(Promise.race([machine.console.fatal, machine.died]));
  expect(error).toBeInstanceOf(MachineFault);
  expect(error.message).toContain("the host's disk is full");
});

test("a panic that the console shows as well is quoted", async () => {
  await using machine = await make("panics-aloud");
  await machine.power.on(signal);
  const error = await failureOf(machine.console.fatal);
  expect(error.message).toContain("Kernel panic - not syncing: Attempted to kill init!");
});

test("a console that is never spoken on is the host's fault", async () => {
  const limits = { firstByteMs: 300, silenceMs: 60_000, patience: 1 };
  await using machine = await make("ignores-quit", {}, { limits });
  await machine.power.on(signal);
  expect(await failureOf(machine.console.fatal)).toBeInstanceOf(MachineFault);
});

test("a guest that prints without end fills the log up to its limit, and the watcher lives", async () => {
  await using machine = await make("prints-for-ever", {}, { maxConsoleBytes: 1_000_000 });
  const progress = machine.console.reached("kernel", signal);
  await machine.power.on(signal);
  await progress;
  await waitFor({
    what: "the end of the log to be marked",
    probe: async () =>
      (await readFile(machine.console.path, "latin1")).includes("it has reached its limit") ||
      undefined,
    timeoutMs: 10_000,
    signal,
  });
  expect(machine.console.bytes).toBe(1_000_000);
});

describe("a port that is taken", () => {
  test("is replaced once, and this is said", async () => {
    const said: string[] = [];
    await using machine = await make("port-taken", {}, { onProgress: (line) => said.push(line) });
    const { port: before } = await machine.sshAddress(signal);
    await machine.power.on(signal);
    const { port: after } = await machine.sshAddress(signal);
    expect(after).not.toBe(before);
    expect(said).toEqual([expect.stringContaining(`port ${before} was taken`)]);
  });
  test("twice is an error", async () => {
    process.env.FAKE_QEMU_ALWAYS = "1";
    await using machine = await make("port-taken");
    const error = await failureOf(machine.power.on(signal));
    delete process.env.FAKE_QEMU_ALWAYS;
    expect(error.message).toContain("host forwarding rule");
  });
});

test.each([
  ["too-old", /too old/],
  ["not-qemu", /not a QEMU/],
  ["no-such-file", /cannot be started/],
])("%s is not an emulator for us, and what to install is said", async (name, message) => {
  const error = await failureOf(driverOf(name));
  expect(error).toBeInstanceOf(HostUnfit);
  expect(error.message).toMatch(message);
  expect(error.message).toContain("apt install");
});

describe("a disk that cannot serve", () => {
  const at = (name: string): string => join(workspace.path, name);
  test.each<[string, "qcow2" | "raw", (path: string) => Promise<unknown>, RegExp]>([
    ["missing", "qcow2", async () => undefined, /does not exist/],
    ["empty", "raw", (path) => writeFile(path, ""), /is empty/],
    ["a folder", "raw", (path) => mkdir(path), /is not a file/],
    [
      "text as qcow2",
      "qcow2",
      (path) => writeFile(path, "<html>404</html>".repeat(99)),
      /not a qcow2 image/,
    ],
    [
      "text as raw",
      "raw",
      (path) => writeFile(path, "<html>404</html>".repeat(99)),
      /no partition table/,
    ],
    ["cut short", "qcow2", cutShort, /cut short|damaged/],
  ])("%s (%s)", async (name, format, prepare, message) => {
    const path = at(`disk ${name},x`);
    await prepare(path);
    const before = (await ownFolders()).length;
    const bad = { ...overlay, backingFile: path, backingFormat: format } as const;
    const error = await failureOf(make("healthy", { disks: [bad] }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toMatch(message);
    expect(error.message).toContain(path);
    expect((await ownFolders()).length).toBe(before);
  });
});

/** A qcow2 with data, half of it lost: what a broken download leaves. */
async function cutShort(path: string): Promise<void> {
  const raw = `${path}.raw`;
  await writeFile(raw, Buffer.alloc(4 * 1024 * 1024, "data"));
  await runCommand("qemu-img", ["convert", "-O", "qcow2", raw, path]);
  await runCommand("truncate", ["-s", "2M", path]);
}

test.each<[string, Partial<MachineSpec>, RegExp]>([
  ["a name with a comma", { name: "a,b" }, /letters, digits and dashes/],
  ["no disk", { disks: [] }, /has no disk/],
  [
    "a forward onto the host's own address",
    { forwards: [{ guestAddress: "10.0.2.2", guestPort: 1, hostPort: 1 }] },
    /free one/,
  ],
  ["a credential with a comma", { credentials: { "a,b": "" } }, /name of a credential/],
  ["credentials without end", { credentials: { a: "x".repeat(60_000) } }, /larger than/],
])("%s is refused", async (_, change, message) => {
  expect((await failureOf(make("healthy", change))).message).toMatch(message);
});

test("credentials reach QEMU as files that only we can read, not as arguments", async () => {
  await using machine = await make("healthy", {
    credentials: { "tmpfiles.extra": "secret, with\nlines" },
  });
  const [file = ""] = machine.layout.credentialFiles;
  const [, value = ""] = (await readFile(file, "utf8")).split("=", 2);
  expect(Buffer.from(value, "base64").toString()).toBe("secret, with\nlines");
  expect(await readFile(file, "utf8")).toMatch(/^io\.systemd\.credential\.binary:tmpfiles\.extra=/);
  await machine.power.on(signal);
  expect(await readFile(join(machine.directory, "qemu.argv"), "utf8")).not.toContain(value);
});
