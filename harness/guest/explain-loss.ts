/**
 * Why a connection was lost in mid-command. A guest that goes down drops its connections first and says why later, so
 * the machine, the console and the guest itself are given time to explain it; then the root channel is asked, where it
 * answers. Only what none of them explains is lost.
 */
import { ExpectationFailed, GuestLost, retell } from "../base/errors.ts";
import { waitFor } from "../base/wait.ts";
import type { Machine } from "../machine/machine.ts";
import type { RootChannel } from "./channel/root-channel.ts";
import { commands, shownCommand } from "./commands.ts";
import { logInForEvidence } from "./evidence-line.ts";
import { excerptStart } from "./excerpt.ts";
import { consoleTail } from "./reach-words.ts";
import { isSameBoot } from "./reached.ts";
import type { RestartWatch } from "./restart-watch.ts";
import type { SshKey } from "./ssh/ssh-key.ts";
import { sshTrouble } from "./ssh-trouble.ts";
import type { Transport, TransportKind } from "./transport.ts";
import type { Trouble } from "./trouble.ts";

export interface LossOptions {
  readonly machine: Pick<Machine, "console" | "sshAddress">;
  readonly name: string;
  readonly key: SshKey;
  /** What was lost. */
  readonly over: TransportKind;
  /** The machine's root channel, or null where it does not have one. */
  readonly channel: RootChannel | null;
  readonly timeScale: number;
  /** Boot ID of the boot that was lost; empty while it is not known. */
  readonly bootId: string;
  readonly restarts: RestartWatch;
  readonly trouble: Trouble;
  readonly signal: AbortSignal;
  /** What was running, and how the connection ended. */
  readonly command: string;
  readonly reason: string;
}

export interface Explanation {
  readonly error: Error;
  /** A connection to the same boot, where one could be had. */
  readonly transport: Transport | null;
}

/** How long a guest may take to go down and show it: stop jobs take their time. Milliseconds, scaled. */
const patienceMs = 20_000;
/** The same boot may answer this often without saying how it is. */
const silentAnswersAllowed = 3;

/** Finds out. Never throws. */
export async function explainLoss(options: LossOptions): Promise<Explanation> {
  const { signal, trouble, timeScale, machine, name, command, reason } = options;
  const what = options.over === "ssh" ? "SSH connection" : "root channel";
  const lost = new GuestLost(`The ${what} to guest '${name}' was lost.`, {
    details: {
      during: excerptStart(shownCommand(command), 300),
      reason,
      stage: machine.console.stage,
      console: consoleTail(machine.console),
    },
    lookAt: machine.console.path,
  });
  const asked = new LostGuest(options, lost);
  try {
    return await waitFor<Explanation>({
      what: "the guest to say why the connection was lost",
      probe: (stop) => asked.next(stop),
      timeoutMs: Math.max(1000, patienceMs * timeScale),
      signal,
      giveUpWhen: trouble.promise,
      onTimeout: () =>
        asked.isStopping
          ? new ExpectationFailed(`Guest '${name}' is shutting down by itself.`, {
              details: { console: consoleTail(machine.console) },
              lookAt: machine.console.path,
            })
          : lost,
    });
  } catch (error) {
    if (!(error instanceof Error)) return { error: lost, transport: null };
    const told = error === lost ? await overChannel(options, lost).catch(() => null) : null;
    return { error: told ?? error, transport: null };
  }
}

/** What a guest that cannot be reached over SSH any more says over its root channel; null where that is silent too. */
async function overChannel(options: LossOptions, lost: GuestLost): Promise<Error | null> {
  const { channel, over, name, machine, timeScale, bootId, restarts, trouble } = options;
  if (channel?.isOpen !== true || over === "channel") return null;
  const signal = AbortSignal.any([options.signal, trouble.signal]);
  const limits = { timeoutMs: 10_000 * Math.max(1, timeScale), signal };
  if (bootId !== "" && !(await isSameBoot(channel, bootId, limits)))
    return channel.isOpen ? restarts.error(`${bootId} before, another one now`) : null;
  const error = await sshTrouble({
    channel,
    name,
    stage: machine.console.stage,
    lookAt: machine.console.path,
    timeScale,
    signal,
    situation: "unanswered",
    lastTry: options.reason,
    answeredBefore: false,
  });
  return retell(error, {
    headline: "(The SSH connection was lost before.)",
    details: { during: lost.details.during },
  });
}

class LostGuest {
  readonly #options: LossOptions;
  /** The error where nothing explains it. */
  readonly #lost: GuestLost;
  isStopping = false;
  #silentAnswers = 0;

  constructor(options: LossOptions, lost: GuestLost) {
    this.#options = options;
    this.#lost = lost;
  }

  async next(stop: AbortSignal): Promise<Explanation | undefined> {
    const { restarts, machine, timeScale, bootId } = this.#options;
    if (restarts.isSuspected) return { error: restarts.error(), transport: null };
    const scale = Math.max(1, timeScale);
    const { transport, bootId: now } = await logInForEvidence(machine, this.#options, {
      bannerMs: 3000 * scale,
      signal: stop,
    });
    let keep = false;
    try {
      if (bootId !== "" && now !== bootId)
        return { error: restarts.error(`${bootId} before, ${now} now`), transport: null };
      const limits = { timeoutMs: 10_000 * scale, maxBytes: 1000, signal: stop };
      const state = (await transport.exec(commands.systemStateNow, limits)).stdout.trim();
      this.isStopping ||= state === "stopping";
      if (this.isStopping) return undefined;
      if (state === "" && ++this.#silentAnswers < silentAnswersAllowed) return undefined;
      keep = true;
      return { error: this.#lost, transport };
    } finally {
      if (!keep) transport.end();
    }
  }
}
