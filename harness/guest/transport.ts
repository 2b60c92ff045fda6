/**
 * A way into a guest that is up: it runs commands with limits and ends. SSH is one (what users have), the root channel
 * is the other (what answers when SSH does not). All code that speaks to a guest speaks to one of these.
 */

export interface ExecLimits {
  readonly timeoutMs: number;
  /** Bytes kept of each stream; more ends the command. */
  readonly maxBytes: number;
  /** Sent to the command's standard input. */
  readonly input?: string;
  readonly signal: AbortSignal;
  /** True where the caller does not want standard output: a transport may then carry the rest at less cost. */
  readonly silent?: boolean;
}

/** How a command ended, the connection's end included; nothing here throws but an abort. */
export interface ExecOutcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
  readonly durationMs: number;
  readonly truncated: boolean;
  readonly timedOut: boolean;
  /** Why the connection went away in mid-command, or null. */
  readonly lost: string | null;
}

export type TransportKind = "ssh" | "channel" | "serial";

/** Each way as the end of "over …". */
export const transportWords = {
  ssh: "SSH",
  channel: "its root channel",
  serial: "its serial console",
} as const satisfies Record<TransportKind, string>;

export interface Transport {
  readonly kind: TransportKind;
  readonly isOpen: boolean;
  /** Why no command can be run any more, or null while it is open. */
  readonly whyClosed: string | null;
  /** Runs one command line. Rejects with the abort reason only. */
  exec(command: string, limits: ExecLimits): Promise<ExecOutcome>;
  /** The first line of a file of the kernel, where the transport has a way that is cheaper than a program. Rejects as `exec` does. */
  readonly firstLine?: (path: string, limits: Omit<ExecLimits, "input">) => Promise<ExecOutcome>;
  end(): void;
}

/** Output up to a cap, kept as bytes so that a character cut by a packet is not lost. */
export class CappedText {
  readonly #max: number;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Returns false once the cap is passed; what is over it is dropped. */
  add(chunk: Buffer): boolean {
    const room = this.#max - this.#size;
    this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    this.#size += Math.min(room, chunk.length);
    return chunk.length <= room;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString("utf8");
  }
}
