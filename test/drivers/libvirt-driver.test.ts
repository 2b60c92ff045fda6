/** The libvirt driver against fake virshes named by what they do: what goes wrong, and what is left behind then. */
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { HostUnfit, MachineFault, UsageError } from "../../harness/base/errors.ts";
import { exists } from "../../harness/base/exists.ts";
import { runCommand } from "../../harness/base/process.ts";
import { ownerLabel, workspaceRoot } from "../../harness/base/workspace.ts";
import {
  createLibvirtDriver,
  type LibvirtDriver,
  type LibvirtDriverOptions,
} from "../../harness/machine/libvirt/driver.ts";
import type { LibvirtMachine } from "../../harness/machine/libvirt/libvirt-machine.ts";
import { reapEverywhere } from "../../harness/machine/libvirt/reap.ts";
import type { Machine, MachineSpec } from "../../harness/machine/machine.ts";
import { machineContract } from "./machine/contract.ts";

const signal = new AbortController().signal;
const fake = (name: string): string => new URL(`fake-virsh/${name}`, import.meta.url).pathname;
let folder = "";
let disk = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-virsh-"));
  disk = join(folder, "base.qcow2");
  await runCommand("qemu-img", ["create", "-q", "-f", "qcow2", disk, "64M"]);
  vi.stubEnv("FAKE_VIRSH_STATE", folder);
});
afterEach(async () => {
  for (const name of ["domain.xml", "events", "calls", "holder", "resumed", "lost", "job"])
    await rm(join(folder, name), { recursive: true, force: true });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const driverOf = (name: string, more: Partial<LibvirtDriverOptions> = {}): Promise<LibvirtDriver> =>
  createLibvirtDriver({
    ...{ uri: "qemu:///session", cacheDir: folder, accelerator: "tcg", virsh: fake(name) },
    ...{ eventMs: 2000, startMs: 20_000, signal, ...more },
  });

const specOf = (): MachineSpec => ({
  ...{ name: "v1", architecture: "x86_64", firmware: "uefi", memoryMiB: 128, cpus: 1 },
  disks: [
    {
      kind: "overlay",
      ...{ backingFile: disk, backingFormat: "qcow2", contentDigest: `sha256:${"d".repeat(64)}` },
    },
  ],
  ...{ network: "closed", forwards: [], credentials: {} },
  imageDigest: `sha256:${"1".repeat(64)}`,
  channel: true,
});

async function make(driver: LibvirtDriver): Promise<Machine> {
  const directory = join(folder, "job");
  await mkdir(directory, { recursive: true });
  return driver.create(specOf(), { directory, signal });
}

/** The workspace of a machine, by what its domain is made of. */
const folderOf = (machine: Machine): string => (machine as LibvirtMachine).workspacePath;

/** Processes of this one that serve a domain. */
async function servants(): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map(async (pid) => {
      const read = (file: string) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
      const parent = /^PPid:\s+(\d+)$/m.exec(await read("status"))?.[1];
      return parent === String(process.pid) ? (await read("cmdline")).replaceAll("\0", " ") : "";
    }),
  );
  return lines.filter((line) => /qemu|virsh|^nc /.test(line));
}

async function expectNothingLeft(): Promise<void> {
  expect(await exists(join(folder, "domain.xml"))).toBe(false);
  expect(await servants()).toEqual([]);
  const mine = (await readdir(workspaceRoot())).filter((name) => name.startsWith(ownerLabel()));
  expect(mine.filter((name) => name.includes("-libvirt-"))).toEqual([]);
}

/** The domain ends by itself, as the fake tells it (virsh(1), event). */
async function endDomain(how: string): Promise<void> {
  const name = /<name>([^<]*)</.exec(await readFile(join(folder, "domain.xml"), "utf8"))?.[1];
  await appendFile(join(folder, "events"), `event 'lifecycle' for domain '${name}': ${how}\n`);
}

machineContract(
  "libvirt, a fake",
  async () => ({
    driver: await driverOf("healthy"),
    spec: specOf(),
    guestSwitchesOff: () => endDomain("Stopped Shutdown"),
    kill: () => endDomain("Stopped Crashed"),
  }),
  { kernelMs: 20_000, offMs: 20_000 },
);

describe("before anything is made", () => {
  test.each([
    ["daemon-away", HostUnfit, /does not answer: its daemon does not run/],
    ["no-rights", HostUnfit, /may not use libvirt at 'qemu:\/\/\/session'/],
    ["elsewhere", HostUnfit, /is on another host \('another-host\.example'\)/],
    ["offers-nothing", HostUnfit, /does not offer 'tcg'/],
    ["no-such-program", HostUnfit, /does not have|no command 'virsh'/],
  ] as const)("%s", async (name, kind, words) => {
    const made = driverOf(name);
    await expect(made).rejects.toBeInstanceOf(kind);
    await expect(made).rejects.toThrow(words);
  });
  test.each(["test:///default", "xen:///system", "qemu:///sytem", "foo", "qemu:///system; x", ""])(
    "the URI '%s' is a mistake of the command line",
    async (uri) => {
      await expect(driverOf("healthy", { uri })).rejects.toBeInstanceOf(UsageError);
      expect(await exists(join(folder, "calls"))).toBe(false);
    },
  );
});

test.each([
  ["disk-full", HostUnfit, /is full/],
  ["start-fails", MachineFault, /refused 'start'/],
  ["never-tells", MachineFault, /waited 8 s for that libvirt tells of a domain/],
] as const)("%s: the words say it, and nothing is left", async (name, kind, words) => {
  const driver = await driverOf(name);
  {
    await using machine = await make(driver);
    const on = machine.power.on(signal);
    await expect(on).rejects.toBeInstanceOf(kind);
    await expect(on).rejects.toThrow(words);
  }
  await expectNothingLeft();
});

test("a domain that ends by itself is a fault of the machine, and nothing is left", async () => {
  const driver = await driverOf("ends-alone");
  {
    await using machine = await make(driver);
    await machine.power.on(signal);
    await expect(machine.died).rejects.toBeInstanceOf(MachineFault);
    await expect(machine.died).rejects.toThrow(/Stopped Crashed/);
  }
  await expectNothingLeft();
});

test("a daemon that ends while a domain runs is a fault of the machine", async () => {
  const driver = await driverOf("daemon-dies");
  {
    await using machine = await make(driver);
    await machine.power.on(signal);
    await expect(machine.died).rejects.toBeInstanceOf(MachineFault);
    await expect(machine.died).rejects.toThrow(
      /The line to libvirt at 'qemu:\/\/\/session' broke off/,
    );
  }
  await expectNothingLeft();
});

test("what serves a domain and dies is a fault of the machine", async () => {
  const driver = await driverOf("healthy");
  await using machine = await make(driver);
  await machine.power.on(signal);
  const pid = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  for (const one of pid) {
    const words = await readFile(`/proc/${one}/cmdline`, "utf8").catch(() => "");
    if (words.startsWith("qemu-nbd\0") && words.includes(folderOf(machine)))
      process.kill(Number(one), "SIGKILL");
  }
  await expect(machine.died).rejects.toThrow(/The server of disk0 of machine 'v1' ended/);
});

test("a domain that the host asks to go off is a fault of the machine, and not of its guest", async () => {
  const driver = await driverOf("host-ends-it");
  await using machine = await make(driver);
  let fatal: unknown = null;
  machine.console.fatal.catch((error: unknown) => {
    fatal = error;
  });
  await machine.power.on(signal);
  await expect(machine.died).rejects.toBeInstanceOf(MachineFault);
  expect(fatal).toBeNull();
});

test("a guest that switches itself off is told by the console", async () => {
  const driver = await driverOf("guest-powers-off");
  await using machine = await make(driver);
  await machine.power.on(signal);
  await expect(machine.console.fatal).rejects.toThrow(/switched itself off/);
});

test("a domain of a process that has ended is removed, and one of a live process is not", async () => {
  const driver = await driverOf("healthy");
  await using machine = await make(driver);
  await machine.power.on(signal);
  expect(await reapEverywhere(folder, fake("healthy"))).toEqual({ removed: [], unseen: [] });

  const xml = await readFile(join(folder, "domain.xml"), "utf8");
  const dead = xml.replaceAll(ownerLabel(folder), "999999999-1");
  const strange = dead.replace(`cache="${folder}"`, `cache="/another"`);
  await writeFile(join(folder, "domain.xml"), strange);
  expect((await reapEverywhere(folder, fake("healthy"))).removed).toEqual([]);
  await writeFile(join(folder, "domain.xml"), dead);
  expect((await reapEverywhere(folder, fake("healthy"))).removed).toEqual([
    "domain bootgate-999999999-1-v1 at qemu:///session",
  ]);
  expect(await exists(join(folder, "domain.xml"))).toBe(false);
});

test("a domain that cannot be removed is told, and ends no run", async () => {
  const driver = await driverOf("healthy");
  const machine = await make(driver);
  await machine.power.on(signal);
  const xml = await readFile(join(folder, "domain.xml"), "utf8");
  await machine[Symbol.asyncDispose]();
  await writeFile(join(folder, "domain.xml"), xml.replaceAll(ownerLabel(folder), "999999999-1"));
  const told: string[] = [];
  await driverOf("keeps-domain", { onProgress: (line) => told.push(line) });
  const why =
    /^could not remove the domain bootgate-999999999-1-v1 of a killed run: [\s\S]*Read-only file system$/;
  expect(told).toContainEqual(expect.stringMatching(why));
  const { removed, unseen } = await reapEverywhere(folder, fake("keeps-domain"));
  expect(removed).toEqual([]);
  expect(unseen).toEqual([expect.stringMatching(why)]);
});

test("where a daemon is away `clean` says that it could not look", async () => {
  await driverOf("healthy");
  const { unseen } = await reapEverywhere(folder, fake("daemon-away"));
  expect(unseen).toEqual([
    expect.stringMatching(/^could not look for domains at 'qemu:\/\/\/session': /),
  ]);
});
