/**
 * The error for a command that ran out of its time. The host is looked at first: the image is to blame only where the
 * host was well and the guest ran at a processor's real speed.
 */
import { type BootgateError, CannotTell, GuestTooSlow, HostUnfit } from "../base/errors.ts";
import { type HostSample, hostSince } from "../base/host-health.ts";
import { formatDuration } from "../base/units.ts";
import type { Machine } from "../machine/machine.ts";
import type { RootChannel } from "./channel/root-channel.ts";
import { commands, shownCommand } from "./commands.ts";
import { excerptEnd, excerptStart } from "./excerpt.ts";
import { consoleTail, emulatedWord, runsHere, stillAwaited } from "./reach-words.ts";
import type { ExecOutcome } from "./transport.ts";

export interface SlowCommand {
  readonly name: string;
  readonly command: string;
  readonly timeoutMs: number;
  readonly outcome: ExecOutcome;
  /** The host when the command began. */
  readonly before: HostSample;
  readonly machine: Pick<Machine, "console" | "accelerator">;
  readonly channel: RootChannel | null;
  /** Above 1 the guest is emulated: then slowness proves nothing. */
  readonly timeScale: number;
  readonly signal: AbortSignal;
}

/** HostUnfit where the disk of the console is full, GuestTooSlow where the image is to blame, else CannotTell with the host's figures. Rejects with the abort reason only. */
export async function tooSlow(slow: SlowCommand): Promise<BootgateError> {
  const { name, command, timeoutMs, outcome, before, timeScale } = slow;
  const { console, accelerator } = slow.machine;
  const guestIsHere = runsHere(accelerator);
  const log = console.path;
  const { isWell, figures, full } = hostSince(before, { plannedMs: timeoutMs, guestIsHere, log });
  const emulated = timeScale > 1;
  const details = {
    host: figures,
    guest: await guestWord(slow),
    processor: emulated ? emulatedWord : undefined,
    stdout: outcome.stdout === "" ? undefined : excerptEnd(outcome.stdout, 500),
    stderr: outcome.stderr === "" ? undefined : excerptEnd(outcome.stderr, 500),
    "waits for": stillAwaited(console),
    console: consoleTail(console),
  };
  const headline = `'${excerptStart(shownCommand(command), 200)}' in guest '${name}' did not end within ${formatDuration(timeoutMs)} and was given up.`;
  const lookAt = console.path;
  if (full !== undefined)
    return new HostUnfit(headline, {
      details: { ...details, ...full.details, disk: full.headline },
      lookAt,
    });
  return isWell && !emulated
    ? new GuestTooSlow(headline, { details, lookAt })
    : new CannotTell(headline, { details, lookAt });
}

/** What the guest says of itself meanwhile, where it can be asked beside the command. */
async function guestWord({ channel, timeScale, signal }: SlowCommand): Promise<string | undefined> {
  if (channel?.isOpen !== true) return undefined;
  const limits = { timeoutMs: 10_000 * Math.max(1, timeScale), maxBytes: 1024, signal };
  const { stdout, exitCode } = await channel.exec(commands.load, limits);
  return exitCode === 0
    ? `answers over its root channel, load ${excerptStart(stdout, 60)}`
    : "does not answer over its root channel either";
}
