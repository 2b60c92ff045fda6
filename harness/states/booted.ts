/**
 * A booted guest, frozen, to fork from, as it is or with an update behind it. It is booted once through the same unmodified boot as every other guest, so a
 * boot that fails here is the image's failure as much as one in a job. The driver's templates are the store.
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { Image } from "../../images/image.ts";
import { unlessDied } from "../base/unless-died.ts";
import { connectGuest } from "../guest/connect.ts";
import type { TransportChoice } from "../guest/connect-options.ts";
import type { SshKey } from "../guest/ssh/ssh-key.ts";
import { stopUpdaters } from "../guest/tools/updaters.ts";
import type { Machine, MachineDriver, MachineSpec, Templates } from "../machine/machine.ts";
import { behindWords, bringTo, type UpdateBehind } from "./bring-to.ts";
import type { ServedPayload } from "./install/served-payload.ts";
import type { MakeOptions, State } from "./state.ts";

/** An update that the guest gets before it is frozen, and what serves it meanwhile. */
export interface ServedUpdate extends UpdateBehind {
  /** The reference that the guest follows. */
  readonly reference: string;
  /** Opens a registry in which the reference stands for the update. */
  readonly serve: () => Promise<ServedPayload>;
}

export interface BootedOptions {
  readonly driver: MachineDriver;
  readonly templates: Templates;
  /** The machine as a job would start it. */
  readonly spec: MachineSpec;
  readonly image: Image;
  readonly sshKey: SshKey;
  /** 1 with hardware acceleration, more under emulation. */
  readonly timeScale: number;
  /** How the guest is spoken to, as in the jobs that start from it. Default `ssh`. */
  readonly transport?: TransportChoice | undefined;
  /** What the guest has behind it when it is frozen; absent: its boot alone. */
  readonly behind?: ServedUpdate | undefined;
  /** Takes evidence of a boot that failed while the machine still stands, lets a person look, and says what is to blame. Never throws. */
  readonly keep: (machine: Machine, error: unknown, options: MakeOptions) => Promise<unknown>;
}

/** As long as the story that proves a boot may take. Scaled under emulation. */
const limitMs = 5 * 60_000;
/** For an upgrade, and for a reboot as well. Scaled under emulation. */
const updateMs = 6 * 60_000;

/** The key of a guest with an update behind it: all that its boot depends on, and the update. */
const keyBehind = (key: string, { state, update, reference }: ServedUpdate): string =>
  createHash("sha256")
    .update(JSON.stringify([1, key, state, update.manifest ?? update.digest, reference]))
    .digest("hex");

/** The booted guest of an image on a machine. Reads what its key is made of, so it may throw HostUnfit. */
export async function bootedState(options: BootedOptions): Promise<State> {
  const { driver, templates, image, timeScale, behind } = options;
  // A template is nobody's guest: it gets no forwards, they are given to each fork.
  const spec = { ...options.spec, forwards: [] };
  const bootKey = await templates.key(spec);
  const key = behind === undefined ? bootKey : keyBehind(bootKey, behind);
  return {
    key,
    title: `the booted guest of ${image.name}${behind === undefined ? "" : behindWords(behind)} (${spec.firmware})`,
    name: behind?.state ?? "booted",
    cost: driver.cost(spec),
    limitMs: (limitMs + (behind === undefined ? 0 : updateMs)) * timeScale,
    isMade: async () => (await templates.find(key)) !== null,
    lock: (signal, onWait) => templates.lock(key, signal, onWait),
    make: (how) => boot(options, spec, key, how),
  };
}

async function boot(
  { driver, templates, image, sshKey, timeScale, transport, behind, keep }: BootedOptions,
  plainSpec: MachineSpec,
  key: string,
  how: MakeOptions,
): Promise<Error | null> {
  const { directory, signal } = how;
  await using served = (await behind?.serve()) ?? null;
  const spec = served === null ? plainSpec : { ...plainSpec, forwards: [served.forward] };
  await using machine = await driver.create(spec, { directory, signal });
  how.onEvidence({ kind: "console", path: resolve(machine.console.path) });
  const stopStages = machine.console.onStage(({ stage, sinceMs }) => how.onStage(stage, sinceMs));
  try {
    await machine.power.on(signal);
    for (const note of machine.notes ?? []) how.onNote(note);
    const { name } = spec;
    const waiting = { machine, image, name, signal };
    const giveUpWhen = served?.died;
    const guest = await connectGuest({ ...waiting, key: sshKey, timeScale, transport, giveUpWhen });
    await guest.systemd.settled();
    // Its forks' clocks are set forward.
    await stopUpdaters(guest);
    if (behind !== undefined) await bringTo(guest, behind);
    await guest[Symbol.asyncDispose]();
  } catch (error) {
    how.stopClock?.();
    throw await keep(machine, await unlessDied(error, served === null ? [] : [served.died]), how);
  } finally {
    stopStages();
  }
  try {
    await templates.freeze(machine, key, signal);
    return null;
  } catch (error) {
    // The image has proved that it boots. A shortcut of ours that cannot be had breaks nobody's job.
    how.runSignal.throwIfAborted();
    const reason: unknown = signal.aborted ? signal.reason : error;
    return reason instanceof Error ? reason : new Error(String(reason));
  }
}
