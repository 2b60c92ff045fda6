/**
 * What becomes of an sshd whose failure stands on the console. systemd starts it again where its unit asks for that, and the
 * console does not tell whether it does: a first failure is final only once the time for another start is over.
 */
import { sshdFailedAgain, sshdFailure } from "../machine/console/came-up.ts";
import type { Console } from "../machine/console/console.ts";
import { wholeTail } from "../machine/console/console-tail.ts";

/**
 * Fedora's and CentOS's sshd.service have `Restart=on-failure` and `RestartSec=42s` (their package openssh). Milliseconds, scaled.
 */
const restartMs = 50_000;

/** `may-come`: it failed, and may be started again. `came-up`: it was started after a failure; told once. */
export type SshdWord = "nothing" | "may-come" | "failed" | "came-up";

export class SshdOnConsole {
  readonly #timeScale: number;
  #bytes = -1;
  #failedAtMs: number | null = null;
  #isAgain = false;

  constructor(timeScale: number) {
    this.#timeScale = timeScale;
  }

  /** Looks at the rows of the boot that runs. `nowMs` never goes back. */
  look(console: Pick<Console, "bytes" | "stage" | "said">, nowMs: number): SshdWord {
    const failedBefore = this.#failedAtMs !== null;
    if (console.bytes !== this.#bytes) {
      this.#bytes = console.bytes;
      const rows = console.stage === "userspace" ? console.said(wholeTail) : [];
      this.#failedAtMs = sshdFailure(rows) === null ? null : (this.#failedAtMs ?? nowMs);
      this.#isAgain = sshdFailedAgain(rows);
    }
    if (this.#failedAtMs === null) return failedBefore ? "came-up" : "nothing";
    const isOver = nowMs - this.#failedAtMs >= restartMs * this.#timeScale;
    return this.#isAgain || isOver ? "failed" : "may-come";
  }
}
