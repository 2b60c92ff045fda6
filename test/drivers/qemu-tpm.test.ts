/** A real swtpm beside a real QEMU: whose it is, what it keeps, and what is said where it fails. */
import { access, cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MachineFault } from "../../harness/base/errors.ts";
import { exists } from "../../harness/base/exists.ts";
import { runCommand } from "../../harness/base/process.ts";
import { waitFor } from "../../harness/base/wait.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import type { MachineSpec, Tpm } from "../../harness/machine/machine.ts";
import { createQemuDriver, type QemuDriverOptions } from "../../harness/machine/qemu/driver.ts";
import type { QemuMachine } from "../../harness/machine/qemu/qemu-machine.ts";
import { tpmIdentity } from "./support/tpm-identity.ts";

const signal = new AbortController().signal;
let workspace: Workspace;
let disk: string;
let count = 0;

beforeAll(async () => {
  workspace = await createWorkspace("test");
  disk = join(workspace.path, "base.qcow2");
  await runCommand("qemu-img", ["create", "-q", "-f", "qcow2", disk, "64M"]);
});
afterAll(() => workspace[Symbol.asyncDispose]());

const driverOf = (more: Partial<QemuDriverOptions> = {}) =>
  createQemuDriver({ cacheDir: workspace.path, accelerator: "tcg", ...more });

const specOf = (tpm: Tpm = {}): MachineSpec => ({
  name: "v1",
  architecture: "x86_64",
  firmware: "uefi",
  tpm,
  memoryMiB: 128,
  cpus: 1,
  disks: [{ kind: "overlay", backingFile: disk, backingFormat: "qcow2", contentDigest: "none" }],
  network: "closed",
  forwards: [],
  credentials: {},
  imageDigest: `sha256:${"1".repeat(64)}`,
});

async function directoryOf(): Promise<string> {
  const directory = join(workspace.path, `run-${count++}`);
  await mkdir(directory);
  return directory;
}

async function make(tpm?: Tpm, more?: Partial<QemuDriverOptions>): Promise<QemuMachine> {
  const driver = await driverOf(more);
  return (await driver.create(specOf(tpm), {
    directory: await directoryOf(),
    signal,
  })) as QemuMachine;
}

const folderOf = (machine: QemuMachine): string => join(machine.workspacePath, "tpm");

/** The process that serves the machine's TPM. */
async function pidOf(machine: QemuMachine): Promise<number> {
  const { stdout } = await runCommand("pgrep", ["-f", `path=${machine.socketsPath}/tpm,`]);
  const pids = stdout.split("\n").filter((line) => line !== `${machine.running.process.pid}`);
  expect(pids).toHaveLength(1);
  return Number(pids[0]);
}

const gone = (pid: number) =>
  waitFor({
    what: `process ${pid} to be gone`,
    probe: async () => ((await exists(`/proc/${pid}`)) ? undefined : true),
    timeoutMs: 10_000,
    intervalMs: 20,
    signal,
  });

const failureOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.unreachable("it had to fail"),
    (error: unknown) => error as Error,
  );

test("a TPM lives as long as its machine is on, and keeps what it is over it", async () => {
  await using machine = await make();
  await machine.power.on(signal);
  expect(await machine.running.monitor.execute("query-tpm", {}, signal)).toMatchObject([
    { model: "tpm-crb", options: { type: "emulator" } },
  ]);
  const pid = await pidOf(machine);
  await machine.power.off(signal);
  await gone(pid);
  const who = await tpmIdentity(folderOf(machine));
  await machine.power.on(signal);
  await machine.power.reset(signal);
  const again = await pidOf(machine);
  await machine[Symbol.asyncDispose]();
  await gone(again);
  await expect(access(machine.workspacePath)).rejects.toThrow("ENOENT");

  await using another = await make();
  await another.power.on(signal);
  await another.power.off(signal);
  expect(await tpmIdentity(folderOf(another))).not.toBe(who);
});

test("a machine without one has no device for it, and needs no swtpm", async () => {
  const driver = await driverOf({ tpmProgram: "/nonexistent/swtpm" });
  const { tpm: _, ...bare } = specOf();
  const made = await driver.create(bare, { directory: await directoryOf(), signal });
  await using machine = made as QemuMachine;
  await machine.power.on(signal);
  expect(await machine.running.monitor.execute("query-tpm", {}, signal)).toEqual([]);
});

test("the state that comes with a disk is copied for each machine", async () => {
  const state = join(workspace.path, "kept.permall");
  await using first = await make();
  await first.power.on(signal);
  await first.power.off(signal);
  await cp(join(folderOf(first), "tpm2-00.permall"), state);
  const before = await readFile(state);
  await using machine = await make({ state: { path: state, contentDigest: "kept" } });
  await machine.power.on(signal);
  await machine.power.off(signal);
  expect(await tpmIdentity(folderOf(machine))).toBe(await tpmIdentity(folderOf(first)));
  expect(await readFile(state)).toEqual(before);

  await using lost = await make({ state: { path: "/nonexistent", contentDigest: "none" } });
  expect((await failureOf(lost.power.on(signal))).message).toContain(
    "The state of the TPM of machine 'v1' cannot be read.",
  );
});

test("a fork goes on with the template's TPM, and with its own after a power cut", async () => {
  const { templates, create } = await driverOf();
  const key = await templates.key(specOf());
  const machine = (await create(specOf(), {
    directory: await directoryOf(),
    signal,
  })) as QemuMachine;
  await machine.power.on(signal);
  const folder = folderOf(machine);
  const pid = await pidOf(machine);
  await waitFor({
    what: "the TPM to have a state",
    probe: async () => ((await exists(join(folder, "tpm2-00.permall"))) ? true : undefined),
    timeoutMs: 20_000,
    signal,
  });
  const who = await tpmIdentity(folder);
  await templates.freeze(machine, key, signal);
  await gone(pid);
  for (const _ of [1, 2]) {
    await using fork = (await templates.fork(key, specOf(), {
      directory: await directoryOf(),
      signal,
    })) as QemuMachine;
    expect(await tpmIdentity(folderOf(fork))).toBe(who);
    await fork.power.reset(signal);
    await fork.power.off(signal);
    await fork.power.on(signal);
    await fork.power.off(signal);
    expect(await tpmIdentity(folderOf(fork))).toBe(who);
  }
});

test("a machine with a TPM, and with another state of it, is another template", async () => {
  const { templates } = await driverOf();
  const state = { path: "/a", contentDigest: "one" };
  const { tpm: _, ...bare } = specOf();
  const keys = [
    bare,
    specOf(),
    specOf({ state }),
    specOf({ state: { ...state, contentDigest: "2" } }),
  ];
  const made = await Promise.all(keys.map((spec) => templates.key(spec)));
  expect(new Set(made).size).toBe(keys.length);
});

describe("a TPM that fails is the host's fault, and is named", () => {
  const script = async (name: string, text: string): Promise<string> => {
    const path = join(workspace.path, name);
    await writeFile(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return path;
  };

  test("swtpm is not there", async () => {
    const { refuse } = await driverOf({ tpmProgram: "/nonexistent/swtpm" });
    expect(await refuse(specOf())).toBe(
      "This host has no swtpm, which is the TPM of a machine. Install it: apt install swtpm, or dnf install swtpm.",
    );
    const { tpm: _, ...bare } = specOf();
    expect(await refuse(bare)).toBeNull();
  });

  test("it ends at its start", async () => {
    const tpmProgram = await script("swtpm-ends", "echo 'swtpm: seccomp failed' >&2; exit 1");
    await using machine = await make({}, { tpmProgram });
    const error = await failureOf(machine.power.on(signal));
    expect(error).toBeInstanceOf(MachineFault);
    expect(error.message).toContain("The TPM of machine 'v1' did not start.");
    expect(error.message).toContain("swtpm: seccomp failed");
    expect(machine.isOn).toBe(false);
  });

  test("it dies while the guest runs", async () => {
    await using machine = await make();
    await machine.power.on(signal);
    process.kill(await pidOf(machine), "SIGKILL");
    const error = await failureOf(machine.died);
    expect(error).toBeInstanceOf(MachineFault);
    expect(error.message).toContain("The TPM of machine 'v1' died.");
    expect(error.message).toContain("SIGKILL");
  });

  test("it cannot write at its start", async () => {
    await using machine = await make();
    const folder = folderOf(machine);
    // In the way of what swtpm writes its state to, before it renames it.
    await mkdir(join(folder, "TMP2-00.permall"), { recursive: true });
    const error = await failureOf(machine.power.on(signal).then(() => machine.died));
    expect(error).toBeInstanceOf(MachineFault);
    expect(error.message).toContain("The TPM of machine 'v1' cannot keep its state.");
    expect(error.message).toContain("Is a directory");
  });

  test("it cannot write while the guest runs", async () => {
    await using machine = await make();
    await machine.power.on(signal);
    await rm(folderOf(machine), { recursive: true });
    await machine.power.reset(signal).catch(() => undefined);
    const error = await failureOf(machine.died);
    expect(error).toBeInstanceOf(MachineFault);
    expect(error.message).toContain("The TPM of machine 'v1' cannot keep its state.");
    expect(error.message).toContain("No such file or directory");
  });
});
