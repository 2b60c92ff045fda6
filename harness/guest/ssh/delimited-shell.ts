/**
 * SSH to a root whose login shell says more than it is asked (start-up files that print) or is not a POSIX shell. Each
 * command goes through `/bin/sh` and begins with a nonce on both streams; what comes before the nonce is not the command's.
 */
import { randomBytes } from "node:crypto";
import type { ExecLimits, ExecOutcome, Transport } from "../transport.ts";

/** What start-up files may print on top of a command's own output. */
const noiseBytes = 256 * 1024;

export class DelimitedShell implements Transport {
  readonly kind = "ssh" as const;
  readonly #inner: Transport;

  constructor(inner: Transport) {
    this.#inner = inner;
  }

  get isOpen(): boolean {
    return this.#inner.isOpen;
  }
  get whyClosed(): string | null {
    return this.#inner.whyClosed;
  }
  end(): void {
    this.#inner.end();
  }

  async exec(command: string, limits: ExecLimits): Promise<ExecOutcome> {
    const nonce = randomBytes(16).toString("hex");
    const outcome = await this.#inner.exec(delimited(command, nonce), {
      ...limits,
      maxBytes: limits.maxBytes + noiseBytes,
    });
    const stdout = after(nonce, outcome.stdout, limits.maxBytes);
    const stderr = after(nonce, outcome.stderr, limits.maxBytes);
    const truncated = outcome.truncated || stdout.cut || stderr.cut;
    return {
      ...outcome,
      stdout: stdout.text,
      stderr: stderr.text,
      truncated,
      exitCode: truncated ? null : outcome.exitCode,
    };
  }
}

/** Only characters that every shell passes on as they are: csh and fish quote in ways of their own. The halves of the nonce meet in the guest. */
function delimited(command: string, nonce: string): string {
  const base64 = Buffer.from(command).toString("base64");
  const mark = `printf %s%s ${nonce.slice(0, 16)} ${nonce.slice(16)}`;
  return `exec /bin/sh -c '${mark}; ${mark} >&2; eval "$(printf %s ${base64} | base64 -d)"'`;
}

function after(nonce: string, text: string, maxBytes: number): { text: string; cut: boolean } {
  const at = text.indexOf(nonce);
  // A command that was ended before it began has said nothing.
  if (at < 0) return { text: "", cut: false };
  const bytes = Buffer.from(text.slice(at + nonce.length));
  const cut = bytes.length > maxBytes;
  return { text: cut ? bytes.subarray(0, maxBytes).toString("utf8") : bytes.toString("utf8"), cut };
}
