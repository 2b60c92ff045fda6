/**
 * What every machine driver promises, as tests that any of them can be put to: the simulated one and fakes in the fast
 * tiers, real emulators and boards where the host has them. Call it from a test file of the driver.
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MachineFault } from "../../harness/base/errors.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import type { Machine, MachineDriver, MachineSpec } from "../../harness/machine/machine.ts";

export interface ContractSubject {
  readonly driver: MachineDriver;
  /** A machine whose image boots at least into its kernel. */
  readonly spec: MachineSpec;
}

export interface ContractOptions {
  /** Budget for the kernel to show on the console after power-on, in milliseconds. */
  readonly kernelMs: number;
}

/** Registers the suite. `prepare` is called once, before the first test. */
export function machineContract(
  name: string,
  prepare: () => Promise<ContractSubject>,
  { kernelMs }: ContractOptions,
): void {
  describe(`machine contract: ${name}`, () => {
    const signal = new AbortController().signal;
    let workspace: Workspace;
    let subject: ContractSubject;
    let count = 0;
    beforeAll(async () => {
      workspace = await createWorkspace("contract");
      subject = await prepare();
    }, 120_000);
    afterAll(async () => workspace[Symbol.asyncDispose]());

    const create = async (change: Partial<MachineSpec> = {}): Promise<Machine> => {
      const directory = join(workspace.path, String(count++));
      await mkdir(directory);
      return subject.driver.create({ ...subject.spec, ...change }, { directory, signal });
    };
    const kernel = (machine: Machine): Promise<void> => {
      const budget = AbortSignal.timeout(kernelMs);
      return Promise.race([
        machine.console.reached("kernel", budget),
        machine.console.fatal,
        machine.died,
      ]);
    };

    test("it refuses nothing of the spec that it is tried with, and its cost is more than nothing", async () => {
      expect(await subject.driver.refuse(subject.spec)).toBeNull();
      expect(subject.driver.cost(subject.spec).memoryMiB).toBeGreaterThanOrEqual(
        subject.spec.memoryMiB,
      );
    });

    test("a machine is made powered off, and may be thrown away unused, twice", async () => {
      const machine = await create();
      expect(machine.console.stage).toBe("off");
      expect(machine.console.bytes).toBe(0);
      expect(machine.spec.name).toBe(subject.spec.name);
      await expect(machine.console.type("x")).rejects.toBeInstanceOf(MachineFault);
      await machine[Symbol.asyncDispose]();
      await machine[Symbol.asyncDispose]();
    });

    test("power on shows the kernel on the console and in its file; reset and off and on begin again", async () => {
      await using machine = await create();
      let died: unknown = null;
      machine.died.catch((error: unknown) => {
        died = error;
      });
      await machine.power.on(signal);
      await machine.power.on(signal);
      const { host, port } = await machine.sshAddress(signal);
      expect([host.length > 0, port > 0]).toEqual([true, true]);
      await kernel(machine);
      await machine.console.type("x");
      expect(machine.console.stages.map(({ stage }) => stage)).toContain("kernel");
      expect(machine.console.tail(50).length).toBeGreaterThan(0);
      expect((await readFile(machine.console.path)).length).toBeGreaterThanOrEqual(
        machine.console.bytes,
      );

      await machine.power.off(signal);
      await machine.power.off(signal);
      await machine.power.on(signal);
      await kernel(machine);
      await machine.power.off(signal);
      expect(died).toBeNull();
    });

    test("a wait on the console ends with its signal", async () => {
      await using machine = await create();
      const stop = new AbortController();
      const wait = machine.console.reached("ssh", stop.signal);
      stop.abort(new Error("enough"));
      await expect(wait).rejects.toThrow("enough");
    });

    test("stages are told to listeners until they leave", async () => {
      await using machine = await create();
      const heard: string[] = [];
      const leave = machine.console.onStage(({ stage }) => heard.push(stage));
      machine.console.sshAnswered();
      leave();
      machine.console.rebooting();
      machine.console.sshAnswered();
      expect(heard).toEqual(["ssh"]);
    });

    test("nothing is made for a signal that has ended already", async () => {
      const directory = join(workspace.path, "aborted");
      await mkdir(directory);
      const made = subject.driver.create(subject.spec, {
        directory,
        signal: AbortSignal.abort(new Error("too late")),
      });
      await expect(made).rejects.toThrow("too late");
    });

    test("a template's key is the same for the same machine and another for any other", async ({
      skip,
    }) => {
      const { templates } = subject.driver;
      if (templates === null) return skip();
      const key = await templates.key(subject.spec);
      expect(await templates.key({ ...subject.spec, name: "another-name" })).toBe(key);
      const others: Partial<MachineSpec>[] = [
        { memoryMiB: subject.spec.memoryMiB * 2 },
        { cpus: subject.spec.cpus + 1 },
        { disks: [...subject.spec.disks, { kind: "blank", sizeMiB: 1 }] },
        { imageDigest: `sha256:${"f".repeat(64)}` },
        { credentials: { other: "x" } },
      ];
      for (const change of others)
        expect(await templates.key({ ...subject.spec, ...change })).not.toBe(key);
    });

    test("a template that was never made is not found", async ({ skip }) => {
      const { templates } = subject.driver;
      if (templates === null) return skip();
      expect(await templates.find("0".repeat(64))).toBeNull();
      await templates.forget("0".repeat(64));
    });
  });
}
