/**
 * A root shell behind a named port of the machine, brought by credentials: it answers where sshd, the network or the
 * login shell do not. One command at a time; whatever the guest says is capped, and only base64 inside a frame counts.
 */
import { randomBytes } from "node:crypto";
import type { GuestPort } from "../../machine/machine.ts";
import { CappedText, type ExecLimits, type ExecOutcome, type Transport } from "../transport.ts";
import { Turns } from "../turns.ts";
import { FrameReader, firstLineLine, silentLine, startLine } from "./frame.ts";

const gone = "the guest closed the root channel";
/** For the guest's next shell to listen after a command was killed. Milliseconds, scaled. */
const killMs = 5000;

const newNonce = (): string => randomBytes(16).toString("hex");

/** A clock that is being set: for which boot, and how that ends. */
export interface ClockSetting {
  readonly bootId: string;
  readonly outcome: Promise<ExecOutcome>;
}

export class RootChannel implements Transport {
  readonly kind = "channel" as const;
  /** True once a command has ended over it. */
  hasAnswered = false;
  /** The last setting of the guest's clock over it, or null. */
  clock: ClockSetting | null = null;
  readonly #port: GuestPort;
  readonly #timeScale: number;
  readonly #turns = new Turns();

  constructor(port: GuestPort, timeScale: number) {
    this.#port = port;
    this.#timeScale = Math.max(1, timeScale);
  }

  get isOpen(): boolean {
    return this.#port.guestListens;
  }

  get whyClosed(): string | null {
    return this.isOpen ? null : "nothing in the guest listens on the root channel";
  }

  /** The machine owns the port and the guest its shell; there is nothing to end. */
  end(): void {}

  /** Resolves when the guest opens the port or leaves it, or when the signal aborts. */
  changes(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        stop();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const stop = this.#port.onChange(done);
      if (signal.aborted) done();
      else signal.addEventListener("abort", done, { once: true });
    });
  }

  exec(command: string, limits: ExecLimits): Promise<ExecOutcome> {
    const { input, maxBytes, silent } = limits;
    return this.#ask(limits, (nonce) =>
      silent === true && input === undefined
        ? silentLine({ nonce, command, maxBytes })
        : startLine({ nonce, command, input, maxBytes }),
    );
  }

  /** Read by the guest's shell itself: a program would cost an emulated fork more than a tenth of a second. */
  firstLine(path: string, limits: Omit<ExecLimits, "input">): Promise<ExecOutcome> {
    return this.#ask(limits, (nonce) => firstLineLine(nonce, path));
  }

  async #ask(limits: ExecLimits, lineFor: (nonce: string) => string): Promise<ExecOutcome> {
    const began = performance.now();
    limits.signal.throwIfAborted();
    const base = { stdout: "", stderr: "", exitCode: null, truncated: false, timedOut: false };
    const end = (how: Partial<ExecOutcome>): ExecOutcome => ({
      ...base,
      lost: null,
      durationMs: performance.now() - began,
      ...how,
    });
    const release = await this.#turns.take(limits);
    if (release === null) return end({ timedOut: true });
    try {
      if (!this.isOpen) return end({ lost: this.whyClosed });
      const leftMs = Math.max(1, limits.timeoutMs - (performance.now() - began));
      const outcome = await this.#run({ ...limits, timeoutMs: leftMs }, lineFor);
      if (outcome.exitCode !== null) this.hasAnswered = true;
      return end(outcome);
    } finally {
      release();
    }
  }

  async #run(
    limits: ExecLimits,
    lineFor: (nonce: string) => string,
  ): Promise<Partial<ExecOutcome>> {
    const nonce = newNonce();
    const { maxBytes } = limits;
    const frame = new FrameReader(nonce, maxBytes + 1);
    const how = await this.#untilEnd(frame, limits, () => this.#port.send(lineFor(nonce)));
    if (how !== "ended" && how !== "lost") await this.#kill();
    if (how === "aborted") throw limits.signal.reason;
    const streams = ([0, 1] as const).map((stream) => {
      const text = new CappedText(maxBytes);
      return { whole: text.add(frame.bytes(stream)), text: text.text() };
    });
    const [stdout, stderr] = streams;
    const truncated = how === "truncated" || frame.broken || streams.some(({ whole }) => !whole);
    return {
      stdout: stdout?.text ?? "",
      stderr: stderr?.text ?? "",
      exitCode: truncated ? null : frame.exitCode,
      truncated,
      timedOut: how === "timed-out",
      lost: how === "lost" ? gone : null,
    };
  }

  #untilEnd(
    frame: FrameReader,
    { timeoutMs, maxBytes, signal }: ExecLimits,
    start: () => void,
  ): Promise<"ended" | "truncated" | "timed-out" | "aborted" | "lost"> {
    return new Promise((resolve) => {
      const settle = (how: Parameters<typeof resolve>[0]): void => {
        clearTimeout(timer);
        stopData();
        stopChange();
        signal.removeEventListener("abort", onAbort);
        resolve(how);
      };
      const onAbort = (): void => settle("aborted");
      const timer = setTimeout(() => settle("timed-out"), timeoutMs);
      const stopChange = this.#port.onChange((listens) => {
        if (!listens) settle("lost");
      });
      const stopData = this.#port.onData((bytes) => {
        frame.feed(bytes.toString("latin1"));
        if (frame.ended) settle("ended");
        else if (frame.broken || frame.stdoutBytes > maxBytes) settle("truncated");
      });
      signal.addEventListener("abort", onAbort, { once: true });
      start();
    });
  }

  /**
   * Ends the command with all its children: its shell reads the end of its input and goes, systemd kills what it leaves
   * behind and starts another. Returns when that one listens, or when it takes too long.
   */
  async #kill(): Promise<void> {
    let hasGone = false;
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        stopChange();
        resolve();
      };
      const timer = setTimeout(settle, killMs * this.#timeScale);
      const stopChange = this.#port.onChange((listens) => {
        if (listens && hasGone) settle();
        hasGone ||= !listens;
      });
      this.#port.hangUp();
    });
  }
}
