// A booted simulated guest for contract tests: world, driver, machine and login in one call.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { asDigest } from "../../../harness/base/units.ts";
import { createWorkspace } from "../../../harness/base/workspace.ts";
import { connectGuest } from "../../../harness/guest/connect.ts";
import type { ConnectOptions } from "../../../harness/guest/connect-options.ts";
import { guestCredentials } from "../../../harness/guest/credentials.ts";
import type { Guest } from "../../../harness/guest/guest.ts";
import { ensureSshKey } from "../../../harness/guest/ssh/ssh-key.ts";
import type { Machine } from "../../../harness/machine/machine.ts";
import type { Image } from "../../../images/image.ts";
import { createSimulatedDriver } from "../../simulated/driver.ts";
import type { SabotageName } from "../../simulated/sabotages.ts";
import type { SimulatedShelf } from "../../simulated/shelf.ts";
import { SimulatedWorld } from "../../simulated/world.ts";

const image = (name: string, letter: string): Image => {
  const digest = asDigest(`sha256:${letter.repeat(64)}`);
  return {
    name,
    digest,
    manifest: digest,
    architecture: "x86_64",
    disk: { path: "disk.qcow2", format: "qcow2", digest },
    oci: { layout: "layout", tag: name },
    follows: null,
    standIns: [],
  };
};
export const v1 = image("sim:v1", "1");
export const v2 = image("sim:v2", "2");

export interface Rig extends AsyncDisposable {
  readonly guest: Guest;
  readonly machine: Machine;
  readonly shelf: SimulatedShelf;
  readonly measures: [string, number][];
}

export interface RigOptions extends Partial<Omit<ConnectOptions, "machine">> {
  readonly sabotage?: SabotageName;
  readonly sabotagedDigest?: string;
}

/** Boots v1, which follows `os:stable`, in a world whose registry is empty. */
export async function bootSimulated({
  sabotage,
  sabotagedDigest,
  ...connect
}: RigOptions = {}): Promise<Rig> {
  const workspace = await createWorkspace("simulated");
  const directory = join(workspace.path, "guest");
  await mkdir(directory);
  const key = await ensureSshKey(join(workspace.path, "key"));
  const world = new SimulatedWorld();
  const shelf = world.openShelf();
  const driver = createSimulatedDriver({
    world,
    ...(sabotage === undefined ? {} : { sabotage }),
    ...(sabotagedDigest === undefined ? {} : { sabotagedDigest }),
  });
  const signal = connect.signal ?? new AbortController().signal;
  const { credentials } = guestCredentials({ publicKey: key.publicKey, insecureRegistries: [] });
  const machine = await driver.create(
    {
      name: "guest",
      architecture: "x86_64",
      firmware: "uefi",
      memoryMiB: 1,
      cpus: 1,
      disks: [],
      network: "closed",
      forwards: [shelf],
      credentials,
      imageDigest: v1.digest,
    },
    { directory, signal },
  );
  const measures: [string, number][] = [];
  const release = async (): Promise<void> => {
    await machine[Symbol.asyncDispose]();
    await workspace[Symbol.asyncDispose]();
  };
  try {
    await machine.power.on(signal);
    const guest = await connectGuest({
      machine,
      image: v1,
      name: "v1",
      key,
      signal,
      timeScale: 1,
      onMeasure: (name, value) => measures.push([name, value]),
      ...connect,
    });
    return {
      guest,
      machine,
      shelf,
      measures,
      async [Symbol.asyncDispose]() {
        await guest[Symbol.asyncDispose]();
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}
