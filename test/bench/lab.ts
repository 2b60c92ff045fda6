/** Machines for benchmarks, put together from the engine's own parts exactly as `run` and `shell` put theirs. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit } from "../../harness/base/errors.ts";
import { openSession, resolveImages, type Session } from "../../harness/cli/wiring/session.ts";
import { type BootPlan, machineSpec, startMachine } from "../../harness/engine/boot.ts";
import { RunClaims } from "../../harness/engine/claims.ts";
import { harnessCredentials } from "../../harness/engine/execute.ts";
import { connectGuest } from "../../harness/guest/connect.ts";
import type { Guest } from "../../harness/guest/guest.ts";
import type { TransportKind } from "../../harness/guest/transport.ts";
import type { Machine, MachineSpec } from "../../harness/machine/machine.ts";
import { QemuMachine } from "../../harness/machine/qemu/qemu-machine.ts";
import { type States, statesAlone } from "../../harness/states/states.ts";
import type { Image } from "../../images/image.ts";
import type { BenchContext } from "./bench-context.ts";

/** The image that is booted: the good version of the reference OS. */
export const benchImage = "reference:v2";

export interface StartedMachine {
  readonly machine: QemuMachine;
  /** Where its console.log is. */
  readonly directory: string;
}

export interface Lab extends AsyncDisposable {
  readonly session: Session;
  readonly timeScale: number;
  /** Makes a folder for a machine's console. */
  folder(name: string): Promise<string>;
  spec(name: string): MachineSpec;
  /** A running machine; the caller owns it. */
  start(start: "cold" | "fork", name: string): Promise<StartedMachine>;
  /** Over SSH, or over the root channel. */
  connect(machine: Machine, transport?: TransportKind, signal?: AbortSignal): Promise<Guest>;
}

/** Opens the lab: image resolved and built where it must be, template not yet made. */
export async function openLab({ folder, say, signal }: BenchContext): Promise<Lab> {
  const session = await openSession(say, signal);
  const states = statesAlone({
    directory: join(folder, "states"),
    signal,
    onReport: () => undefined,
  });
  const image = await bootableImage(session, states, say, signal);
  const { key } = session;
  const [driver] = session.drivers;
  const { timeScale } = driver;
  const plan: Omit<BootPlan, "start"> = {
    driver,
    firmware: "uefi",
    memoryMiB: 1536,
    cpus: 2,
    network: "closed",
    key,
    ...harnessCredentials(key, driver),
    timeScale,
    claims: new RunClaims(),
    states,
  };
  const makeFolder = async (name: string): Promise<string> => {
    const path = join(folder, name);
    await mkdir(path, { recursive: true });
    return path;
  };
  return {
    session,
    timeScale,
    folder: makeFolder,
    spec: (name) => machineSpec({ ...plan, start: "cold" }, { name, image, forwards: [] }),
    async start(start, name) {
      const directory = await makeFolder(name);
      const machine = await startMachine(
        { ...plan, start },
        {
          name,
          image,
          forwards: [],
          directory,
          runDirectory: folder,
          signal,
          log: (event) => void (event.type === "note" && say(event.text)),
        },
      );
      return { machine: await theRightOne(machine, start), directory };
    },
    connect: (machine, transport = "ssh", stop = signal) => {
      const { name } = machine.spec;
      return connectGuest({ machine, image, name, key, signal: stop, timeScale, transport });
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

async function bootableImage(
  { disks }: Session,
  states: States,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Image> {
  const { image } = await resolveImages({ image: benchImage }, {}, say, signal);
  const state = image === undefined ? null : ((await disks?.stateOf(image, "uefi")) ?? null);
  if (image === undefined || disks === undefined || state === null)
    throw new HostUnfit(`There is no disk of '${benchImage}', and none can be made.`);
  await states.need(state, () => undefined);
  return disks.withDisk(image, "uefi");
}

/** A fork that fell back to a cold boot would be measured as a slow fork. */
async function theRightOne(machine: Machine, start: "cold" | "fork"): Promise<QemuMachine> {
  if (machine instanceof QemuMachine && machine.start === start) return machine;
  await machine[Symbol.asyncDispose]();
  throw new HostUnfit(`A machine was to start as '${start}' and started as '${machine.start}'.`);
}
