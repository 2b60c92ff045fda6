/** A command that ran in a guest: its limits and how it ended. */

export interface CommandResult {
  readonly command: string;
  readonly stdout: string;
  readonly stderr: string;
  /** null when the guest ended the command by a signal or the connection went away. */
  readonly exitCode: number | null;
  readonly durationMs: number;
  /** True where output went over the cap and was cut. */
  readonly truncated: boolean;
}

export interface CommandLimits {
  readonly timeoutMs?: number;
  /** Bytes kept of each stream. Default 4 MiB. */
  readonly maxBytes?: number;
}

/** For a command that names no limits of its own: bytes of output, and milliseconds with hardware acceleration. */
export const commandDefaults = { maxBytes: 4 * 1024 * 1024, timeoutMs: 60_000 } as const;

/** A pull may be of gigabytes; milliseconds with hardware acceleration. */
export const pullTimeoutMs = 600_000;

/** Limits for a command that brings an image. */
export const pullLimits = ({ timeScale }: { readonly timeScale: number }): CommandLimits => ({
  timeoutMs: pullTimeoutMs * timeScale,
});
