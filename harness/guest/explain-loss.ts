/**
 * Why a connection was lost in mid-command. A guest that goes down drops its connections first and says why later, so
 * the machine, the console and the guest itself, over whichever way still answers, are given time to explain it. Only what
 * none of them explains is lost; then the error says what each of them was like.
 */
import { ExpectationFailed, GuestLost, messageOf, retell } from "../base/errors.ts";
import { type HostVerdict, hostSince, sampleHost } from "../base/host-health.ts";
import { waitFor } from "../base/wait.ts";
import { isGoingDown } from "../machine/console/going-down.ts";
import type { Machine } from "../machine/machine.ts";
import type { RootChannel } from "./channel/root-channel.ts";
import { commands, shownCommand } from "./commands.ts";
import { logInForEvidence } from "./evidence-line.ts";
import { excerptEnd, excerptStart } from "./excerpt.ts";
import { consoleTail, runsHere } from "./reach-words.ts";
import { askBoot, isSameBoot, type Reached } from "./reached.ts";
import type { RestartWatch } from "./restart-watch.ts";
import { reachSerialOnce } from "./serial/await-serial.ts";
import type { SerialAccount } from "./serial/login.ts";
import type { SshKey } from "./ssh/ssh-key.ts";
import { type SshSituation, sshTrouble } from "./ssh-trouble.ts";
import type { Transport, TransportKind } from "./transport.ts";
import type { Trouble } from "./trouble.ts";

export interface LossOptions {
  readonly machine: Pick<Machine, "console" | "sshAddress" | "accelerator" | "start">;
  readonly name: string;
  readonly key: SshKey;
  /** What was lost. */
  readonly over: TransportKind;
  /** The machine's root channel, or null where it does not have one. */
  readonly channel: RootChannel | null;
  readonly account?: SerialAccount | undefined;
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
  const { signal, trouble, timeScale, machine, name } = options;
  const asked = new LostGuest(options);
  const before = sampleHost();
  const plannedMs = Math.max(1000, patienceMs * timeScale);
  try {
    return await waitFor<Explanation>({
      what: "the guest to say why the connection was lost",
      probe: (stop) => asked.next(stop),
      timeoutMs: plannedMs,
      signal,
      giveUpWhen: trouble.promise,
      onTimeout: ({ lastError }) =>
        asked.isStopping || isGoingDown(options.restarts.newLines)
          ? new ExpectationFailed(`Guest '${name}' is shutting down by itself.`, {
              details: { console: consoleTail(machine.console) },
              lookAt: machine.console.path,
            })
          : asked.lost(lastError === undefined ? {} : { "last try": messageOf(lastError) }),
    });
  } catch (error) {
    if (!(error instanceof Error)) return { error: asked.lost(), transport: null };
    const isLost = error instanceof GuestLost;
    const guestIsHere = runsHere(machine.accelerator);
    const host = hostSince(before, { plannedMs, guestIsHere, log: machine.console.path });
    const seen = { host, situation: asked.logsIn ? "unfinished" : "unanswered" } as const;
    const told = isLost ? await overChannel(options, error, seen).catch(() => null) : null;
    return { error: told ?? error, transport: null };
  }
}

/** What a guest that cannot be reached over SSH any more says over its root channel; null where that is silent too. */
async function overChannel(
  options: LossOptions,
  lost: GuestLost,
  seen: { readonly host: HostVerdict; readonly situation: SshSituation },
): Promise<Error | null> {
  const { channel, over, name, machine, timeScale, bootId, restarts, trouble } = options;
  if (channel?.isOpen !== true || over !== "ssh") return null;
  const signal = AbortSignal.any([options.signal, trouble.signal]);
  const limits = { timeoutMs: 10_000 * Math.max(1, timeScale), signal };
  if (bootId !== "" && !(await isSameBoot(channel, bootId, limits)))
    return channel.isOpen ? restarts.error(`${bootId} before, another one now`) : null;
  const { error } = await sshTrouble({
    channel,
    name,
    stage: machine.console.stage,
    lookAt: machine.console.path,
    timeScale,
    signal,
    ...seen,
    lastTry: options.reason,
    publicKey: options.key.publicKey,
    answeredBefore: false,
  });
  return retell(error, {
    headline: "(The SSH connection was lost before.)",
    details: { during: lost.details.during },
  });
}

const lostWords = {
  ssh: "SSH connection",
  channel: "root channel",
  serial: "shell on the serial console",
} as const satisfies Record<TransportKind, string>;

class LostGuest {
  readonly #options: LossOptions;
  isStopping = false;
  #silentAnswers = 0;

  constructor(options: LossOptions) {
    this.#options = options;
  }

  /** Whether a login came to its end meanwhile. */
  get logsIn(): boolean {
    return this.#silentAnswers > 0;
  }

  /** The error where nothing explains it. */
  lost(found: Readonly<Record<string, string | undefined>> = {}): GuestLost {
    const { over, name, command, reason, channel, machine } = this.#options;
    const what = lostWords[over];
    const otherWay =
      over !== "channel" ? {} : { "root channel": channel?.whyClosed ?? "open again" };
    return new GuestLost(`The ${what} to guest '${name}' was lost.`, {
      details: {
        during: excerptStart(shownCommand(command), 300),
        reason,
        machine: "runs",
        stage: machine.console.stage,
        console: consoleTail(machine.console),
        ...otherWay,
        ...found,
      },
      lookAt: machine.console.path,
    });
  }

  async next(stop: AbortSignal): Promise<Explanation | undefined> {
    const { restarts, timeScale, bootId, over } = this.#options;
    if (restarts.isSuspected) return { error: restarts.error(), transport: null };
    const { transport, bootId: now } = await this.#reach(stop);
    let keep = false;
    try {
      if (bootId !== "" && now !== bootId)
        return { error: restarts.error(`${bootId} before, ${now} now`), transport: null };
      const limits = { timeoutMs: 10_000 * Math.max(1, timeScale), maxBytes: 1000, signal: stop };
      const state = (await transport.exec(commands.systemStateNow, limits)).stdout.trim();
      this.isStopping ||= state === "stopping";
      if (this.isStopping) return undefined;
      if (state === "" && ++this.#silentAnswers < silentAnswersAllowed) return undefined;
      // A story goes on over the way that was chosen for it, and over no other.
      keep = transport.kind === over;
      return {
        error: this.lost(await this.#said(transport, stop)),
        transport: keep ? transport : null,
      };
    } finally {
      if (!keep) transport.end();
    }
  }

  /** The channel answers without a login; where it was what was lost, it is the better question, and SSH the other one. */
  async #reach(signal: AbortSignal): Promise<Reached> {
    const { machine, channel, over, timeScale, name } = this.#options;
    const scale = Math.max(1, timeScale);
    if (over !== "ssh" && channel?.isOpen === true) {
      const asking = { name, lookAt: machine.console.path, timeoutMs: 10_000 * scale, signal };
      return askBoot(channel, asking);
    }
    if (over === "serial") return reachSerialOnce(this.#options, signal);
    return logInForEvidence(machine, this.#options, { bannerMs: 3000 * scale, signal });
  }

  /** What a guest that is well otherwise says of the channel that was lost: its shell is ours, so no image is to blame for its end. */
  async #said(transport: Transport, signal: AbortSignal): Promise<Record<string, string>> {
    const { over, timeScale } = this.#options;
    if (over !== "channel") return {};
    const limits = { timeoutMs: 10_000 * Math.max(1, timeScale), maxBytes: 4096, signal };
    const { stdout } = await transport.exec(commands.channelTrouble, limits);
    const unit = excerptEnd(stdout, 1200).trim();
    return {
      answers: `the same boot answers over ${transport.kind === "ssh" ? "SSH" : "its root channel"}`,
      ...(unit === "" ? {} : { "its unit": unit }),
    };
  }
}
