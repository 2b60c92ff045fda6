/**
 * Whether a machine is on, and how it came to be off: told to, by its guest, or by its own death. A driver tells it what
 * happens; `died` and `waitForOff` of a machine are these.
 */
import type { MachineFault } from "../base/errors.ts";
import type { PowerEnd } from "./roles.ts";

export class PowerState implements PowerEnd {
  readonly died: Promise<never>;
  #isOn = false;
  #die: (error: MachineFault) => void = () => undefined;
  readonly #waiting = new Set<() => void>();

  constructor() {
    this.died = new Promise<never>((_, reject) => {
      this.#die = reject;
    });
    // Nobody has to be waiting at that moment.
    this.died.catch(() => undefined);
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** True while somebody waits for the machine to go off: then its guest may switch it off, and that is not the end of a boot. */
  get isOffAwaited(): boolean {
    return this.#waiting.size > 0;
  }

  turnedOn(): void {
    this.#isOn = true;
  }

  /** It is off because it was told to be, or because its guest switched it off. */
  turnedOff(): void {
    this.#isOn = false;
    for (const resolve of [...this.#waiting]) resolve();
  }

  /** It has died: nobody told it to go off, and its guest did not do it. */
  die(error: MachineFault): void {
    this.#die(error);
  }

  async waitForOff(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    let stop = (): void => undefined;
    const off = new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(resolve);
      stop = () => {
        this.#waiting.delete(resolve);
        signal.removeEventListener("abort", onAbort);
      };
      if (!this.#isOn) resolve();
    });
    try {
      // A death that is known already comes first: a dead machine is off as well.
      await Promise.race([this.died, off]);
    } finally {
      stop();
    }
  }
}
