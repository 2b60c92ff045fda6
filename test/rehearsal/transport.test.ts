/** What a run was told about the ways into its guests reaches every guest: those of jobs, and those that states are made of. */
import { describe, expect, test } from "vitest";
import type { LoadedScenario } from "../../harness/engine/scenario.ts";
import { channelCredential } from "../../harness/guest/channel/unit.ts";
import { scenario } from "../../harness/index.ts";
import type { MachineDriver, MachineSpec } from "../../harness/machine/machine.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { withForks } from "./fork-driver.ts";
import { play, useFolder } from "./play.ts";

useFolder();

const boots: LoadedScenario = {
  id: "a/boots",
  definition: scenario({
    summary: "boots",
    needs: { images: ["candidate"] },
    timeoutMinutes: 1,
    async run({ images: { candidate }, boot }) {
      await using _guest = await boot(candidate);
    },
  }),
};

const simulated = (sabotage?: "loses-network"): MachineDriver =>
  createSimulatedDriver({
    world: new SimulatedWorld(),
    ...(sabotage === undefined ? {} : { sabotage }),
  });

/** The driver, and the specs that it was given. */
function noting(driver: MachineDriver): { driver: MachineDriver; specs: MachineSpec[] } {
  const specs: MachineSpec[] = [];
  const create: MachineDriver["create"] = (spec, options) => {
    specs.push(spec);
    return driver.create(spec, options);
  };
  return { driver: { ...driver, create }, specs };
}

describe("the root channel", () => {
  test.each([
    [undefined, true],
    [true, true],
    [false, false],
  ])("asked for as %s is given to the guest: %s", async (channel, isGiven) => {
    const { driver, specs } = noting(simulated());
    const { model } = await play([boots], { driver, channel });
    expect(model.counts.passed).toBe(1);
    expect(specs.map((spec) => spec.channel)).toEqual([isGiven]);
    expect(specs.map(({ credentials }) => channelCredential in credentials)).toEqual([isGiven]);
    const told = model.jobs[0]?.attempts[0]?.deviations.map(({ id }) => id);
    expect(told?.includes("root-channel")).toBe(isGiven);
  });
});

/** The simulated machine does not have a port, so code that has to speak over it says so. */
const withoutPort = /does not have a root channel/;

describe("the transport that stories speak over", () => {
  test("is that of the run", async () => {
    const { model } = await play([boots], { driver: simulated(), transport: "channel" });
    expect(model.jobs[0]?.outcome).toMatchObject({
      kind: "broken",
      error: { type: "CannotTell", headline: expect.stringMatching(withoutPort) as string },
    });
  });

  test("may be the serial console, where a whole story passes that cannot go over SSH", async () => {
    const driver = simulated("loses-network");
    const { model } = await play([boots], { driver, transport: "serial" });
    expect(model.jobs[0]?.outcome).toEqual({ kind: "passed" });
    const told = model.jobs[0]?.attempts[0]?.deviations.map(({ id }) => id);
    expect(told).toEqual(expect.arrayContaining(["serial-login", "serial-stories"]));
  });

  test("is that of a state's guest too: a disk without sshd has no other", async () => {
    const forking = withForks(simulated());
    if (forking.templates === null) throw new TypeError("It has templates.");
    const templates = { ...forking.templates, find: async () => null };
    const { model } = await play([boots], {
      driver: { ...forking, templates },
      cold: false,
      recheckCold: false,
      transport: "channel",
    });
    const { outcome } = model.jobs[0] ?? {};
    expect(outcome).toMatchObject({ kind: "broken", error: { type: "CannotTell" } });
    expect(JSON.stringify(outcome)).toMatch(withoutPort);
    expect(JSON.stringify(outcome)).toContain("Seen when its state was made");
  });
});
