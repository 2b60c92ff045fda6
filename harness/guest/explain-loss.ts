/**
 * Why a connection was lost in mid-command. A guest that goes down drops its connections first and says why later, so
 * the machine, the console and the guest itself are given time to explain it; only what none of them explains is lost.
 */
import { ExpectationFailed, GuestLost } from "../base/errors.ts";
import { waitFor } from "../base/wait.ts";
import type { Machine } from "../machine/machine.ts";
import { commands, shownCommand } from "./commands.ts";
import { logInForEvidence } from "./evidence-line.ts";
import { excerptStart } from "./excerpt.ts";
import { consoleTail } from "./reach-words.ts";
import type { RestartWatch } from "./restart-watch.ts";
import type { SshKey } from "./ssh/ssh-key.ts";
import type { Transport, TransportKind } from "./transport.ts";
import type { Trouble } from "./trouble.ts";

export interface LossOptions {
  readonly machine: Pick<Machine, "console" | "sshAddress">;
  readonly name: string;
  readonly key: SshKey;
  /** What was lost. */
  readonly over: TransportKind;
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
    return { error: error instanceof Error ? error : lost, transport: null };
  }
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
