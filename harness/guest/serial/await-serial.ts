/** Waiting for a guest by its serial console: typed at only once user space shows a prompt there, or has been quiet for a while. */
import { type BootgateError, CannotTell } from "../../base/errors.ts";
import { hostSince, sampleHost } from "../../base/host-health.ts";
import { formatDuration } from "../../base/units.ts";
import { waitFor } from "../../base/wait.ts";
import type { ReachOptions, TimedReach } from "../reach-options.ts";
import { consoleTail, runsHere, stillAwaited } from "../reach-words.ts";
import { askBoot, type Reached } from "../reached.ts";
import { logIn, type SerialAccount, showsPrompt } from "./login.ts";
import { mayType } from "./serial-line.ts";
import { SerialTransport } from "./serial-transport.ts";

/** Who is logged in where nobody says otherwise: by its credentials, a guest of ours lets root in by itself. */
const rootByItself: SerialAccount = { user: "root", password: null };
/** A console in user space that shows no prompt and says nothing for so long is tried all the same. Milliseconds, scaled. */
const quietMs = 10_000;
/** Between two tries. Milliseconds, scaled. */
const againMs = 2000;
/** For the first question. Milliseconds, scaled. */
const askMs = 15_000;

export type SerialReach = Pick<ReachOptions, "machine" | "name" | "timeScale" | "account">;

/**
 * Logs in once and asks which boot answers. Throws CannotTell where the guest lacks what it takes, MachineFault for a machine that
 * cannot be typed at, a plain Error that says what stands in the way, or the abort reason.
 */
export async function reachSerialOnce(
  { machine, name, timeScale, account = rootByItself }: SerialReach,
  signal: AbortSignal,
): Promise<Reached> {
  const { console } = machine;
  const scale = Math.max(1, timeScale);
  const result = await logIn({ console, account, scale, signal });
  if ("why" in result) {
    if (result.fault !== undefined) throw result.fault;
    if (result.lacks === undefined) throw new Error(result.why);
    throw new CannotTell(
      `Guest '${name}' cannot be asked over its serial console: it does not have ${result.lacks.join(", ")}.`,
      { lookAt: console.path },
    );
  }
  const transport = new SerialTransport(result.line);
  try {
    const asking = { name, lookAt: console.path, timeoutMs: askMs * scale, signal };
    return await askBoot(transport, asking);
  } catch (error) {
    transport.end();
    throw error;
  }
}

/** Waits for the guest. Throws what `trouble` rejects with, CannotTell, MachineFault, or the abort reason. */
export async function waitForSerial(options: TimedReach): Promise<Reached> {
  const { machine, name, timeoutMs, time, signal, trouble } = options;
  const { console } = machine;
  const before = sampleHost();
  const wait = new SerialWait(options);
  const reached = await waitFor({
    what: `guest '${name}' to give a shell on its serial console`,
    probe: (stop) => wait.next(stop),
    timeoutMs,
    moreMs: time.more,
    signal,
    giveUpWhen: trouble.promise,
    onTimeout: ({ lastError }) => {
      const { plannedMs } = time;
      const awaited = stillAwaited(console);
      const details = {
        stage: console.stage,
        ...(awaited === undefined ? {} : { "waits for": awaited }),
        ...(lastError instanceof Error ? { "last try": lastError.message } : {}),
        console: consoleTail(console),
      };
      const guestIsHere = runsHere(machine.accelerator);
      const log = console.path;
      const host = hostSince(before, { plannedMs, guestIsHere, log });
      return (
        host.full ??
        options.onTimeout?.(details, { host, waitedMs: plannedMs }) ??
        notOver({ ...options, timeoutMs: plannedMs }, details)
      );
    },
  });
  console.guestAnswered();
  return reached;
}

const notOver = (
  { name, timeoutMs, machine }: ReachOptions,
  details: Readonly<Record<string, string>>,
): BootgateError =>
  new CannotTell(
    `Guest '${name}' did not give a shell on its serial console within ${formatDuration(timeoutMs)}.`,
    {
      details: { ...details, "how to": serialHint },
      lookAt: machine.console.path,
    },
  );

const serialHint =
  "the image needs a getty on the serial console (console=ttyS0), and to log root in by credentials systemd 254 and util-linux 2.40 or later";

class SerialWait {
  readonly #options: ReachOptions;
  #bytes = -1;
  #bytesAt = 0;
  #restUntil = 0;

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  async next(stop: AbortSignal): Promise<Reached | undefined> {
    const { timeScale, accept, trouble } = this.#options;
    if (!this.#isDue()) return undefined;
    const signal = AbortSignal.any([stop, trouble.signal]);
    try {
      const reached = await reachSerialOnce(this.#options, signal);
      if (accept === undefined || (await accept(reached))) return reached;
      reached.transport.end();
      return undefined;
    } finally {
      this.#restUntil = performance.now() + againMs * Math.max(1, timeScale);
    }
  }

  #isDue(): boolean {
    const { machine, timeScale } = this.#options;
    const { console } = machine;
    const now = performance.now();
    if (console.bytes !== this.#bytes) {
      this.#bytes = console.bytes;
      this.#bytesAt = now;
    }
    if (!mayType(console.stage) || now < this.#restUntil) return false;
    // A question of the boot itself, for a passphrase or what a unit waits for, is not for us to answer.
    if (showsPrompt(console.said(12))) return true;
    return now - this.#bytesAt >= quietMs * Math.max(1, timeScale);
  }
}
