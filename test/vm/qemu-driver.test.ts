/** The QEMU driver with a real machine: one cold boot of the reference OS, frozen, and forks of it. In order, since a boot is dear. */
import { mkdir, readFile, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asDigest } from "../../harness/base/units.ts";
import { waitFor } from "../../harness/base/wait.ts";
import { cacheRoot, createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { channelOf } from "../../harness/guest/channel/channel-of.ts";
import { connectGuest } from "../../harness/guest/connect.ts";
import { guestCredentials } from "../../harness/guest/credentials.ts";
import type { Guest } from "../../harness/guest/guest.ts";
import { ensureSshKey, type SshKey } from "../../harness/guest/ssh/ssh-key.ts";
import { keys } from "../../harness/machine/console/keys.ts";
import type { Machine, MachineSpec } from "../../harness/machine/machine.ts";
import { createQemuDriver, type QemuDriver } from "../../harness/machine/qemu/driver.ts";
import type { QemuMachine } from "../../harness/machine/qemu/qemu-machine.ts";
import type { Image } from "../../images/image.ts";
import { buildReferenceOs } from "../../images/reference/build.ts";

const signal = new AbortController().signal;
const minutes = 60_000;
let workspace: Workspace;
let driver: QemuDriver;
let key: SshKey;
let image: Image;
let spec: MachineSpec;
let templateKey = "";
let cold: QemuMachine;
let coldGuest: Guest;

const directory = async (name: string): Promise<string> => {
  const path = join(workspace.path, name);
  await mkdir(path);
  return path;
};
const login = (machine: Machine): Promise<Guest> =>
  connectGuest({
    machine,
    image,
    name: machine.spec.name,
    key,
    signal,
    timeScale: driver.accelerator === "kvm" ? 1 : 3,
  });

beforeAll(async () => {
  workspace = await createWorkspace("vm");
  const onProgress = (line: string) => process.stderr.write(`${line}\n`);
  const os = await buildReferenceOs({
    cacheDir: cacheRoot(),
    versions: ["v1"],
    onProgress,
    signal,
  });
  const v1 = os.versions.v1;
  if (v1 === undefined || v1.disk === null) throw new Error("the reference OS has no disk of v1");
  key = await ensureSshKey(join(workspace.path, "ssh"));
  driver = await createQemuDriver({
    cacheDir: await directory("cache"),
    accelerator: "tcg",
    onProgress,
    signal,
  });
  const digest = asDigest(v1.digest);
  const disk = { path: v1.disk, format: "qcow2", digest } as const;
  image = {
    name: "reference:v1",
    digest,
    manifest: digest,
    architecture: "x86_64",
    disk,
    oci: null,
    follows: null,
    standIns: [],
  };
  const { credentials } = guestCredentials({ publicKey: key.publicKey, insecureRegistries: [] });
  spec = {
    name: "v1",
    architecture: "x86_64",
    firmware: "uefi",
    memoryMiB: 1536,
    cpus: 2,
    disks: [
      {
        kind: "overlay",
        backingFile: disk.path,
        backingFormat: "qcow2",
        contentDigest: digest,
      },
    ],
    network: "closed",
    forwards: [],
    credentials,
    imageDigest: v1.digest,
    channel: true,
  };
}, 40 * minutes);
afterAll(async () => {
  await cold?.[Symbol.asyncDispose]();
  await workspace?.[Symbol.asyncDispose]();
});

test(
  "a cold boot passes every stage, and its base disk is left as it was",
  async () => {
    const [disk] = spec.disks;
    const before = disk?.kind === "overlay" ? await stat(disk.backingFile) : null;
    cold = (await driver.create(spec, {
      directory: await directory("cold"),
      signal,
    })) as QemuMachine;
    await cold.power.on(signal);
    coldGuest = await login(cold);
    const stages = cold.console.stages;
    process.stderr.write(
      `${stages.map(({ stage, sinceMs }) => `${stage} ${(sinceMs / 1000).toFixed(1)} s`).join(", ")}\n`,
    );
    expect(stages.map(({ stage }) => stage)).toEqual([
      "firmware",
      "bootloader",
      "kernel",
      "initrd",
      "userspace",
      "ssh",
    ]);
    const times = stages.map(({ sinceMs }) => sinceMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    const after = disk?.kind === "overlay" ? await stat(disk.backingFile) : null;
    expect([after?.size, after?.mtimeMs]).toEqual([before?.size, before?.mtimeMs]);
  },
  6 * minutes,
);

test(
  "every byte of the console is in the log: the kernel's first lines have no gap",
  async () => {
    const log = await readFile(cold.console.path, "utf8");
    expect(log).toMatch(/BdsDxe: loading/);
    // Debug lines are in the kernel's ring but not on its console.
    const levels = "emerg,alert,crit,err,warn,notice,info";
    const ring = (await coldGuest.run`dmesg --notime -k -l ${levels}`).split("\n").slice(0, 60);
    const missing = ring.filter((line) => line.trim() !== "" && !log.includes(line.trimEnd()));
    expect(missing).toEqual([]);
  },
  2 * minutes,
);

test(
  "the root channel answers, and again after a command that had to be killed",
  async () => {
    const channel = channelOf(cold, 3);
    const limits = { timeoutMs: 30_000, maxBytes: 10_000, signal };
    const run = (command: string) => channel?.exec(command, limits);
    expect(await run("id -u; echo e >&2; exit 3")).toMatchObject({
      stdout: "0\n",
      stderr: "e\n",
      exitCode: 3,
    });
    const hung = await channel?.exec("setsid sleep 4321 & sleep 4321", {
      ...limits,
      timeoutMs: 3000,
    });
    expect(hung).toMatchObject({ timedOut: true });
    expect(await run("pgrep -cfx 'sleep 4321'")).toMatchObject({ stdout: "0\n" });
    expect(await coldGuest.systemd.failedUnits()).toEqual([]);
  },
  3 * minutes,
);

/** Types a line at the serial port and waits for the answer of the guest's own getty. */
async function typeLine(machine: Machine, line: string, answer: RegExp): Promise<void> {
  const { size } = await stat(machine.console.path);
  await machine.console.type(`${line}${keys.enter}`);
  await waitFor({
    what: `${answer} on the console`,
    probe: async () => {
      const said = (await readFile(machine.console.path)).subarray(size).toString();
      return answer.test(said) || undefined;
    },
    timeoutMs: minutes,
    signal,
  });
}

test(
  "what is typed at the serial port reaches the guest",
  async () => {
    await typeLine(cold, "cold", /cold[\s\S]*Password: $/);
    await typeLine(cold, "wrong", /Login incorrect[\s\S]*login: $/);
  },
  2 * minutes,
);

test("the display is seen", async () => {
  const path = join(workspace.path, "shot.png");
  await cold.screen.screenshot(path, signal);
  expect((await readFile(path)).subarray(1, 4).toString()).toBe("PNG");
});

test(
  "a closed network reaches neither the host nor the world",
  async () => {
    const reach = async (address: string): Promise<number | null> => {
      const command = `timeout 3 bash -c 'exec 3<>/dev/tcp/${address}'`;
      return (await coldGuest.exec(command, { timeoutMs: 30_000 })).exitCode;
    };
    expect(await reach("127.0.0.1/22"), "the look itself works").toBe(0);
    for (const address of ["10.0.2.2/22", "10.0.2.3/53", "1.1.1.1/53"])
      expect(await reach(address), address).not.toBe(0);
  },
  2 * minutes,
);

test(
  "freezing ends the machine and leaves a template",
  async () => {
    await coldGuest.run`touch /var/before-the-freeze`;
    await coldGuest[Symbol.asyncDispose]();
    templateKey = await driver.templates.key(spec);
    expect(await driver.templates.find(templateKey)).toBeNull();
    await driver.templates.freeze(cold, templateKey, signal);
    expect(cold.isOn).toBe(false);
    const folder = await driver.templates.find(templateKey);
    expect(folder).not.toBeNull();
    // The guest's memory is a file of its own: a state that has it too would be read by each fork.
    expect((await stat(join(folder ?? "", "state.bin"))).size).toBeLessThan(32 * 1024 * 1024);
  },
  2 * minutes,
);

test(
  "two forks go on from the template, apart from each other",
  async () => {
    const fork = async (name: string) =>
      driver.templates.fork(
        templateKey,
        { ...spec, name },
        { directory: await directory(name), signal },
      );
    const began = performance.now();
    await using first = await fork("fork-1");
    await using one = await login(first);
    process.stderr.write(
      `fork to first SSH: ${((performance.now() - began) / 1000).toFixed(1)} s\n`,
    );
    expect([first.start, first.console.stage]).toEqual(["fork", "ssh"]);
    await one.run`test -e /var/before-the-freeze`;
    await one.run`sh -c ${"echo only here > /var/mark && sync"}`;

    await using second = await fork("fork-2");
    await using two = await login(second);
    expect((await two.attempt`test -e /var/mark`).exitCode).toBe(1);
    const random = (guest: Guest) => guest.run`od -An -N16 -tx1 /dev/urandom`;
    expect(await random(one)).not.toBe(await random(two));
    expect(await one.run`cat /var/mark`).toBe("only here");
    await typeLine(second, "second", /second[\s\S]*Password: $/);
  },
  4 * minutes,
);

test("a template whose memory is damaged is not used", async () => {
  const folder = (await driver.templates.find(templateKey)) ?? "";
  await truncate(join(folder, "ram.img"), 4096);
  expect(await driver.templates.find(templateKey)).toBeNull();
});

test.each(["bios", "uefi", "uefi-secure-boot"] as const)(
  "an empty disk under %s ends the wait with the firmware's own words",
  async (firmware) => {
    const disks = [{ kind: "blank", sizeMiB: 64 }] as const;
    const empty = {
      ...spec,
      name: "empty",
      memoryMiB: 256,
      cpus: 1,
      firmware,
      disks,
      credentials: {},
    };
    await using machine = await driver.create(empty, {
      directory: await directory(firmware),
      signal,
    });
    await machine.power.on(signal);
    const ending = Promise.race([machine.console.fatal, machine.died]);
    await expect(ending).rejects.toThrow(/the firmware found no(?:thing to boot| bootable device)/);
  },
  1 * minutes,
);
