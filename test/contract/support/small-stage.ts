// A stage without a run around it: enough to play a scenario on the simulated machine and see how it ends.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { outcomeOf } from "../../../harness/base/errors.ts";
import type { Outcome } from "../../../harness/base/outcome.ts";
import { createWorkspace } from "../../../harness/base/workspace.ts";
import type { ScenarioDefinition } from "../../../harness/engine/scenario.ts";
import { connectGuest } from "../../../harness/guest/connect.ts";
import { guestCredentials } from "../../../harness/guest/credentials.ts";
import type { Guest } from "../../../harness/guest/guest.ts";
import { ensureSshKey } from "../../../harness/guest/ssh/ssh-key.ts";
import type { Machine } from "../../../harness/machine/machine.ts";
import type { Image } from "../../../images/image.ts";
import { createSimulatedDriver } from "../../simulated/driver.ts";
import { type SabotageName, sabotages } from "../../simulated/sabotages.ts";
import { type SimulatedShelf, SimulatedWorld } from "../../simulated/world.ts";
import { v1, v2 } from "./simulated-guest.ts";

export interface Played {
  readonly outcome: Outcome;
  /** The last step begun. */
  readonly step: string;
}

/** Plays a scenario with v1 as previous and v2 as candidate. An image's sabotage is in the candidate. */
export async function play(
  definition: ScenarioDefinition<string>,
  sabotage?: SabotageName,
): Promise<Played> {
  await using workspace = await createWorkspace("stage");
  const key = await ensureSshKey(join(workspace.path, "key"));
  const world = new SimulatedWorld();
  const inImage = sabotage !== undefined && sabotages[sabotage].where === "image";
  const driver = createSimulatedDriver({
    world,
    ...(sabotage === undefined ? {} : { sabotage }),
    ...(inImage ? { sabotagedDigest: v2.digest } : {}),
  });
  const { signal } = new AbortController();
  const shelves: SimulatedShelf[] = [];
  const machines: Machine[] = [];
  let step = "none";
  const boot = async (image: Image, options: { follows?: string } = {}): Promise<Guest> => {
    step = "boots";
    const directory = join(workspace.path, `guest-${machines.length}`);
    await mkdir(directory);
    const spec = {
      name: "guest",
      architecture: "x86_64" as const,
      firmware: "uefi" as const,
      memoryMiB: 1,
      cpus: 1,
      disks: [],
      network: "closed" as const,
      forwards: shelves,
      credentials: guestCredentials({ publicKey: key.publicKey, insecureRegistries: [] })
        .credentials,
      imageDigest: image.digest,
    };
    const machine = await driver.create(spec, { directory, signal });
    machines.push(machine);
    await machine.power.on(signal);
    const guest = await connectGuest({
      machine,
      image,
      name: image.name,
      key,
      signal,
      timeScale: 0.02,
      readyTimeoutMs: 1500,
    });
    const { follows } = options;
    const { spec: host } = follows === undefined ? { spec: null } : await guest.bootc.status();
    if (follows !== undefined && host?.image?.image !== follows)
      await guest.run`bootc switch --mutate-in-place --transport registry ${follows}`;
    return guest;
  };
  try {
    await definition.run({
      images: { previous: v1, candidate: v2 },
      boot,
      async registry() {
        const shelf = world.openShelf();
        shelves.push(shelf);
        return shelf;
      },
      step(claim, body) {
        step = claim;
        return body();
      },
      note: () => undefined,
    });
    return { outcome: { kind: "passed" }, step };
  } catch (error) {
    return { outcome: outcomeOf(error), step };
  } finally {
    await Promise.all(machines.map((machine) => machine[Symbol.asyncDispose]()));
  }
}
