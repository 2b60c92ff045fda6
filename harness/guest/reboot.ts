/**
 * Proof of a reboot: a new connection on which the kernel tells another boot ID. A port that answers again proves
 * nothing, since the old boot may still be shutting down.
 */
import { type BootgateError, CommandFailed, ExpectationFailed } from "../base/errors.ts";
import { formatDuration } from "../base/units.ts";
import { bootStages } from "../machine/console/console.ts";
import { commands } from "./commands.ts";
import { excerptEnd, excerptStart } from "./excerpt.ts";
import { reach } from "./reach.ts";
import type { ReachOptions } from "./reach-options.ts";
import { byAwaited, type Late } from "./reach-words.ts";
import type { Reached } from "./reached.ts";
import { refusalByPolicy } from "./tools/bootc.ts";
import type { ExecLimits, ExecOutcome, Transport } from "./transport.ts";

export interface RebootOptions extends Omit<ReachOptions, "accept" | "onTimeout"> {
  /** Boot ID of the boot that was asked to end. */
  readonly before: string;
  /** Whether another boot that answers is the one that is waited for. Default: it is. */
  readonly isIt?: (reached: Reached) => Promise<boolean>;
}

/** A way down may take as long as systemd lets a unit take to stop (systemd-system.conf(5), DefaultTimeoutStopSec), and one more of the kind. Milliseconds, scaled. */
export const wayDownMs = 180_000;

/** A boot that has not been heard of for this long has ended. Milliseconds, scaled. */
const stillThereMs = 30_000;

/** When a boot that was to end was last seen alive. */
function lastSeen(timeScale: number): { seen(): void; isRecent(): boolean } {
  let at: number | null = null;
  return {
    seen: () => {
      at = performance.now();
    },
    isRecent: () => at !== null && performance.now() - at < stillThereMs * Math.max(1, timeScale),
  };
}

/** Waits for another boot of the same guest. Throws BootFailed when none comes, ExpectationFailed when it is the same one. */
export async function reconnectAfterReboot(options: RebootOptions): Promise<Reached> {
  const { machine, name, before, timeScale } = options;
  const last = lastSeen(timeScale);
  const accept = async (reached: Reached): Promise<boolean> => {
    if (reached.bootId !== before) return (await options.isIt?.(reached)) ?? true;
    last.seen();
    machine.console.guestLives?.();
    const restarted = bootStages.indexOf(machine.console.stage) >= bootStages.indexOf("userspace");
    if (restarted) throw sameBoot(name, before, machine.console.path);
    return false;
  };
  return reach({
    ...options,
    accept,
    wayDownMs: () => (last.isRecent() ? 0 : wayDownMs * timeScale),
    onTimeout: (details, { host, waitedMs: timeoutMs }) =>
      last.isRecent()
        ? sameBoot(name, before, machine.console.path)
        : notBack({ ...options, host, timeoutMs }, "reboot", details),
  });
}

/**
 * Waits for a user space that has counted one more soft reboot, or for another kernel, whose count begins again. Throws BootFailed
 * when none comes.
 */
export async function reconnectAfterSoftReboot(
  options: Omit<RebootOptions, "before"> & {
    readonly before: number;
    /** Boot ID of the kernel that is to go on. */
    readonly kernel: string;
  },
): Promise<Reached> {
  const { before, kernel, name, machine, timeScale } = options;
  const last = lastSeen(timeScale);
  return reach({
    ...options,
    accept: async (reached) => {
      if (reached.bootId !== kernel) return true;
      if (Number(await askOver(reached, commands.softReboots, options)) > before) return true;
      last.seen();
      return false;
    },
    onTimeout: (details, { host, waitedMs: timeoutMs }) =>
      last.isRecent()
        ? sameUserSpace(name, kernel, machine.console.path)
        : notBack({ ...options, host, timeoutMs }, "soft reboot", details),
  });
}

type Asking = Pick<ReachOptions, "signal" | "trouble" | "timeScale">;

/** Limits of a short command over a connection that is not the guest's yet. */
export const shortly = ({ signal, trouble, timeScale }: Asking): ExecLimits => ({
  timeoutMs: 30_000 * Math.max(1, timeScale),
  maxBytes: 4096,
  signal: AbortSignal.any([signal, trouble.signal]),
});

/** What a short command says over a connection that is not the guest's yet. Throws a plain Error when it says nothing. */
async function askOver({ transport }: Reached, command: string, options: Asking): Promise<string> {
  const outcome = await transport.exec(command, shortly(options));
  const answer = outcome.stdout.trim();
  if (outcome.exitCode !== 0 || answer === "")
    throw new Error(`'${command}' said "${excerptStart(answer, 60)}"`);
  return answer;
}

/** A guest that answered before has a way in, so what keeps it away is its own, or the time that it was given. */
function notBack(
  late: Late,
  what: string,
  details: Readonly<Record<string, string>>,
): BootgateError {
  const headline = `Guest '${late.name}' did not come back within ${formatDuration(late.timeoutMs)} of its ${what}`;
  return byAwaited(headline, late, details);
}

const sameBoot = (name: string, bootId: string, lookAt: string): ExpectationFailed =>
  new ExpectationFailed(`Guest '${name}' was asked to reboot, but the same boot answers.`, {
    details: { "boot ID": bootId },
    lookAt,
  });

const sameUserSpace = (name: string, bootId: string, lookAt: string): ExpectationFailed =>
  new ExpectationFailed(
    `Guest '${name}' was asked for a soft reboot, but the same user space answers.`,
    { details: { "boot ID": bootId }, lookAt },
  );

/**
 * Whether a boot that was ordered to end goes on: it answers over the connection that it had, and does not say that it goes down
 * (systemctl(1), is-system-running). Rejects with the abort reason only.
 */
export async function goesOn(
  transport: Transport,
  { timeScale }: Pick<ReachOptions, "timeScale">,
  { signal }: Pick<ReachOptions, "signal">,
): Promise<boolean> {
  const limits = { timeoutMs: 10_000 * Math.max(1, timeScale), maxBytes: 1000, signal };
  const { stdout } = await transport.exec(commands.systemStateNow, limits);
  return /^(?:initializing|starting|running|degraded|maintenance)$/.test(stdout.trim());
}

interface Ordered {
  readonly name: string;
  readonly lookAt: string;
}

/** For a guest that refused an order after which it would have gone away. */
export const refusedOrder = (
  command: string,
  { exitCode, stderr }: Pick<ExecOutcome, "exitCode" | "stderr">,
  { name, lookAt }: Ordered,
): BootgateError =>
  refusalByPolicy({ name, lookAt }, stderr) ??
  new CommandFailed(`'${command}' in guest '${name}' ended with exit code ${exitCode}.`, {
    details: { stderr: excerptEnd(stderr, 1000) },
    lookAt,
  });

/** For a guest whose kernel is another one after a soft reboot. */
export const fullReboot = ({ name, lookAt }: Ordered): ExpectationFailed =>
  new ExpectationFailed(`Guest '${name}' was asked for a soft reboot and made a full one.`, {
    lookAt,
  });
