/**
 * Whether a board's system has switched itself off. A board cannot tell: its power stays on, and only its processor stops. The
 * kernel's last line is taken for it (kernel/reboot.c: printed even by one that is told to be quiet), when nothing follows it.
 */

const lastWords = /\breboot: (?:Power down|System halted)\s*$/;
/** Firmware that starts again instead speaks sooner. Milliseconds. */
export const silenceMs = 5000;
const keptText = 400;

export class WentOff {
  readonly #onOff: () => void;
  readonly #silenceMs: number;
  #text = "";
  #timer: NodeJS.Timeout | undefined;

  /** `onOff`: called once the last line was followed by silence. */
  constructor(onOff: () => void, silence = silenceMs) {
    this.#onOff = onOff;
    this.#silenceMs = silence;
  }

  /** Takes what the board said. */
  hear(bytes: Uint8Array): void {
    this.forget();
    this.#text = (this.#text + Buffer.from(bytes).toString("latin1")).slice(-keptText);
    if (lastWords.test(this.#text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "")))
      this.#timer = setTimeout(this.#onOff, this.#silenceMs);
  }

  /** Power went off otherwise, or nobody wants to know any more. */
  forget(): void {
    clearTimeout(this.#timer);
  }

  /** A new boot: what was said before is not of it. */
  begin(): void {
    this.forget();
    this.#text = "";
  }
}
