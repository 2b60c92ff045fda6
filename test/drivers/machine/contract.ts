/**
 * What every machine driver promises, as tests that any of them can be put to: the simulated one and fakes in the fast
 * tiers, real emulators and boards where the host has them. One suite a role; a role that a driver does not have is tested to
 * be absent. Call it from a test file of the driver.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createWorkspace, type Workspace } from "../../../harness/base/workspace.ts";
import type { MachineSpec } from "../../../harness/machine/machine.ts";
import { consoleContract } from "./console.ts";
import { mediaContract } from "./media.ts";
import { networkContract } from "./network.ts";
import { powerContract } from "./power.ts";
import { screenContract } from "./screen.ts";
import { servicesContract } from "./services.ts";
import {
  type Contract,
  type ContractOptions,
  type ContractSubject,
  contractOf,
} from "./subject.ts";

const roles = {
  power: powerContract,
  console: consoleContract,
  screen: screenContract,
  media: mediaContract,
  network: networkContract,
  services: servicesContract,
} as const;

/** Registers the suites. `prepare` is called once, before the first test. */
export function machineContract(
  name: string,
  prepare: () => Promise<ContractSubject>,
  options: ContractOptions & { readonly prepareMs?: number },
): void {
  describe(`machine contract: ${name}`, () => {
    let workspace: Workspace;
    let subject: ContractSubject;
    beforeAll(async () => {
      workspace = await createWorkspace("contract");
      subject = await prepare();
    }, options.prepareMs ?? 120_000);
    afterAll(async () => workspace?.[Symbol.asyncDispose]());

    const contract = contractOf(
      () => subject,
      () => workspace.path,
      options,
    );
    describe("making", () => makingContract(contract));
    for (const [role, suite] of Object.entries(roles)) describe(role, () => suite(contract));
    describe("templates", () => templatesContract(contract));
  });
}

/** Before any role: what is refused, what it takes of the host, and a machine that nobody switches on. */
function makingContract({ subject, create, folder }: Contract): void {
  test("it refuses nothing of the spec that it is tried with, and its cost is more than nothing", async () => {
    const { driver, spec } = subject();
    expect(await driver.refuse(spec)).toBeNull();
    expect(driver.cost(spec).memoryMiB).toBeGreaterThanOrEqual(Math.min(1, spec.memoryMiB));
  });

  test("a machine is made powered off, and may be thrown away unused, twice", async () => {
    const machine = await create();
    expect(machine.console.stage).toBe("off");
    expect(machine.console.bytes).toBe(0);
    expect(machine.spec.name).toBe(subject().spec.name);
    await machine[Symbol.asyncDispose]();
    await machine[Symbol.asyncDispose]();
  });

  test("nothing is made for a signal that has ended already", async () => {
    const { driver, spec } = subject();
    const made = driver.create(spec, {
      directory: await folder(),
      signal: AbortSignal.abort(new Error("too late")),
    });
    await expect(made).rejects.toThrow("too late");
  });
}

function templatesContract({ subject }: Contract): void {
  test("a driver has templates exactly where it says that it freezes machines", () => {
    const { templates, capabilities } = subject().driver;
    expect(templates !== null).toBe(capabilities.has("snapshot"));
  });

  test("a template's key is the same for the same machine and another for any other", async ({
    skip,
  }) => {
    const { driver, spec } = subject();
    const { templates } = driver;
    if (templates === null) return skip();
    const key = await templates.key(spec);
    expect(await templates.key({ ...spec, name: "another-name" })).toBe(key);
    const others: Partial<MachineSpec>[] = [
      { memoryMiB: spec.memoryMiB * 2 },
      { cpus: spec.cpus + 1 },
      { disks: [...spec.disks, { kind: "blank", sizeMiB: 1 }] },
      { imageDigest: `sha256:${"f".repeat(64)}` },
      { credentials: { other: "x" } },
    ];
    for (const change of others) expect(await templates.key({ ...spec, ...change })).not.toBe(key);
  });

  test("a template that was never made is not found", async ({ skip }) => {
    const { templates } = subject().driver;
    if (templates === null) return skip();
    expect(await templates.find("0".repeat(64))).toBeNull();
    await templates.forget("0".repeat(64));
  });
}
