/**
 * What ends a guest's boot on a story's order and waits for the next one: a reboot, a soft reboot, its power. Each comes
 * with its proof, and what the ending boot says last counts for none.
 */
import { CannotTell, ExpectationFailed, MachineFault } from "../base/errors.ts";
import { hostSince, sampleHost } from "../base/host-health.ts";
import { formatDuration } from "../base/units.ts";
import type { GrubMenu } from "../machine/console/grub-screen.ts";
import type { Machine } from "../machine/machine.ts";
import { type CommandResult, pullTimeoutMs } from "./command.ts";
import { commands } from "./commands.ts";
import { isPast, type ThroughRed } from "./fall-back.ts";
import type { GuestMachine } from "./guest-machine.ts";
import { menuTerminal, pickEntry } from "./pick-entry.ts";
import type { ReachOptions } from "./reach-options.ts";
import { byTime, consoleTail, runsHere } from "./reach-words.ts";
import type { Reached } from "./reached.ts";
import { fullReboot, reconnectAfterReboot, reconnectAfterSoftReboot, wayDownMs } from "./reboot.ts";
import type { Trouble } from "./trouble.ts";

/** What of a guest these orders touch. */
export interface BootHolder {
  readonly name: string;
  readonly lookAt: string;
  readonly timeScale: number;
  readonly machine: Machine;
  readonly signal: AbortSignal;
  /** From power-on to the first answer, milliseconds. */
  readonly readyTimeoutMs: number;
  /** Boot ID of the boot that commands are meant for. */
  currentBoot(): string;
  readonly onMeasure?: ((name: string, value: number) => void) | undefined;
  /** From here on the boot's end is expected. */
  expectEnd(): void;
  /** Watches the console of the next boot, and returns what makes waiting useless. */
  watchNext(): Trouble;
  /**
   * Gives an order after which the connection goes away; `timeoutMs` is with hardware acceleration. Throws CommandFailed when it is refused, and what
   * a command does that was too slow where it runs out of its time and the same boot goes on.
   */
  order(command: string, timeoutMs: number): Promise<void>;
  /** Ends the connection. */
  hangUp(): void;
  reaching(timeoutMs: number): Omit<ReachOptions, "accept" | "onTimeout">;
  /** Takes over the connection to the next boot. */
  goOn(reached: Reached): Promise<void>;
  mustExec(command: string): Promise<CommandResult>;
}

/** For a short order; with hardware acceleration. Milliseconds. */
export const orderMs = 30_000;

/** A command that ends in a reboot, and may fetch an image before, and the proof of it. `timeoutMs` is with hardware acceleration. */
export async function rebootBy(
  guest: BootHolder,
  command: string,
  timeoutMs = pullTimeoutMs,
): Promise<void> {
  const before = expectReboot(guest);
  await guest.order(command, timeoutMs);
  await comeBack(guest, before);
}

/** Has all who listen know that another boot comes, behind so many that the guest ends by itself. Returns the boot that ends. */
function expectReboot(guest: BootHolder, restarts = 0): string {
  const before = guest.currentBoot();
  guest.expectEnd();
  // Told first: the new boot's first line must not be taken for the old boot's last.
  guest.machine.console.rebooting(restarts);
  guest.watchNext();
  return before;
}

/** A reboot, and a person at the serial console who starts another entry of the menu. */
async function rebootInto(guest: BootHolder, title: string): Promise<GrubMenu> {
  const { machine, name, signal, timeScale } = guest;
  const before = expectReboot(guest);
  // Looked at from here on, so that nothing of the menu is missed.
  await using terminal = menuTerminal(machine, { name, title, scale: timeScale, signal });
  await guest.order(commands.reboot, orderMs);
  const shown = await pickEntry(machine, terminal, { name, title });
  await comeBack(guest, before);
  return shown;
}

/** A reboot behind which health checks may fail and restart the machine. */
async function rebootThroughRed(guest: BootHolder, { past, restarts }: ThroughRed): Promise<void> {
  const before = expectReboot(guest, restarts);
  await guest.order(commands.reboot, orderMs);
  const reaching = guest.reaching(guest.readyTimeoutMs);
  const isIt = past === undefined ? {} : { isIt: isPast(past, reaching) };
  await guest.goOn(await reconnectAfterReboot({ ...reaching, before, ...isIt }));
}

/** `systemctl soft-reboot`, or another command that makes one, and the proof of it. */
export async function softRebootBy(
  guest: BootHolder,
  command: string,
  timeoutMs = pullTimeoutMs,
): Promise<void> {
  const began = performance.now();
  const kernel = guest.currentBoot();
  const before = Number((await guest.mustExec(commands.softReboots)).stdout);
  if (!Number.isInteger(before)) {
    throw new ExpectationFailed(`The systemd of guest '${guest.name}' counts no soft reboots.`);
  }
  guest.expectEnd();
  await guest.order(command, timeoutMs);
  await guest.goOn(
    await reconnectAfterSoftReboot({ ...guest.reaching(guest.readyTimeoutMs), before, kernel }),
  );
  if (guest.currentBoot() !== kernel) throw fullReboot(guest);
  guest.onMeasure?.("soft-reboot.seconds", (performance.now() - began) / 1000);
}

async function comeBack(guest: BootHolder, before: string): Promise<void> {
  await guest.goOn(await reconnectAfterReboot({ ...guest.reaching(guest.readyTimeoutMs), before }));
}

/** Power and keys of the guest's machine. */
export function createGuestMachine(guest: BootHolder): GuestMachine {
  const { machine, signal } = guest;
  let isOn = true;
  const demand = (wanted: boolean): void => {
    if (isOn === wanted) return;
    throw new TypeError(`Guest '${guest.name}' is switched ${isOn ? "on" : "off"} already.`);
  };
  const goOff = async (begin: () => Promise<unknown>, wish: string): Promise<void> => {
    demand(true);
    guest.expectEnd();
    machine.console.rebooting();
    // Waited for before it begins, so that its end is not taken for a fault. One that is off before it has answered has obeyed.
    await switchedOff(guest, { trouble: guest.watchNext(), begin, wish });
    await machine.power.off(signal);
    isOn = false;
  };
  return {
    get isOn() {
      return isOn;
    },
    get network() {
      return machine.spec.network;
    },
    get passphraseTyped() {
      return machine.deviations.some(({ id }) => id === "passphrase-typed");
    },
    get tpmIsNew() {
      return machine.spec.tpm !== undefined && machine.spec.tpm.state === undefined;
    },
    async recorded() {
      if (machine.record === undefined || machine.record === null)
        throw new CannotTell(`What guest '${guest.name}' writes is not recorded.`);
      return machine.record.position();
    },
    async cutPower() {
      demand(true);
      guest.expectEnd();
      machine.console.rebooting();
      guest.watchNext();
      guest.hangUp();
      await machine.power.off(signal);
      isOn = false;
    },
    shutDown: () => goOff(() => guest.order(commands.powerOff, orderMs), "was told to switch off"),
    waitForOff: (begin) => goOff(begin, "was to switch itself off"),
    async switchOn() {
      demand(false);
      const before = guest.currentBoot();
      await machine.power.on(signal);
      isOn = true;
      guest.watchNext();
      await comeBack(guest, before);
    },
    get hasScreen() {
      return machine.screen !== null;
    },
    async rebootThroughRed(red) {
      demand(true);
      await rebootThroughRed(guest, red);
    },
    async rebootInto(title) {
      demand(true);
      return rebootInto(guest, title);
    },
    async type(text) {
      if (!isOn) throw new MachineFault(`Guest '${guest.name}' is switched off.`);
      await machine.console.type(text);
    },
  };
}

interface GoingOff {
  readonly trouble: Trouble;
  /** Makes the guest do it. */
  readonly begin: () => Promise<unknown>;
  /** What it was to do, for the message. */
  readonly wish: string;
}

/** Waits until the guest has switched its machine off. */
async function switchedOff(guest: BootHolder, { trouble, begin, wish }: GoingOff): Promise<void> {
  const { machine, name, signal, timeScale } = guest;
  const timeoutMs = wayDownMs * timeScale;
  const before = sampleHost();
  const limit = new AbortController();
  const off = machine.waitForOff(AbortSignal.any([signal, limit.signal]));
  // The connection of a machine that is off may hang: its answer is not waited for.
  off.then(guest.hangUp, () => undefined);
  let timer: NodeJS.Timeout | undefined;
  try {
    await begin();
    timer = setTimeout(() => limit.abort(), timeoutMs);
    await Promise.race([off, trouble.promise]);
  } catch (error) {
    signal.throwIfAborted();
    if (!limit.signal.aborted) throw error;
    const guestIsHere = runsHere(machine.accelerator);
    throw byTime(
      `Guest '${name}' ${wish} and is still on after ${formatDuration(timeoutMs)}.`,
      {
        machine,
        timeScale,
        host: hostSince(before, { plannedMs: timeoutMs, guestIsHere, log: machine.console.path }),
      },
      { console: consoleTail(machine.console) },
    );
  } finally {
    clearTimeout(timer);
    limit.abort();
  }
}
