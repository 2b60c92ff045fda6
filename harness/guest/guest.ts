/**
 * A guest is the system under test, reached over SSH. Reading a scenario should need no manual: methods are sentences
 * about the guest, `run` throws, `attempt` returns. Every `${value}` in a command is quoted as exactly one argument.
 */

import type { Image } from "../../images/image.ts";
import type { CommandValue } from "../base/quote.ts";
import type { Digest } from "../base/units.ts";
import type { BootcHost } from "./bootc.ts";
import type { OstreeDeployment } from "./ostree.ts";

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

/** What a picture of deployments states about one slot: this image, or nothing. */
export type SlotExpectation = Image | Digest | null;

export interface DeploymentsExpectation {
  readonly booted: SlotExpectation;
  readonly staged: SlotExpectation;
  readonly rollback: SlotExpectation;
}

export interface Guest extends AsyncDisposable {
  readonly name: string;
  readonly image: Image;
  /** Runs a command that has to succeed; returns stdout without the final newline. Throws CommandFailed. */
  run(parts: TemplateStringsArray, ...values: CommandValue[]): Promise<string>;
  /** Runs a command and returns how it ended. */
  attempt(parts: TemplateStringsArray, ...values: CommandValue[]): Promise<CommandResult>;
  /** Like `attempt` for a finished command line with limits of its own. */
  exec(command: string, limits?: CommandLimits): Promise<CommandResult>;
  /** `systemctl reboot`, then proof: another boot ID over a new connection. */
  reboot(): Promise<void>;
  /** `systemctl soft-reboot`, then proof: the manager has counted one more, and the boot ID is the same. */
  softReboot(): Promise<void>;
  /** The kernel's boot ID. */
  bootId(): Promise<string>;
  /** Compares digests of all three slots at once, so that what must be absent is checked too. */
  expectDeployments(expected: DeploymentsExpectation): Promise<void>;
  readonly bootc: BootcCommands;
  readonly systemd: SystemdReader;
  readonly ostree: OstreeReader;
  readonly files: GuestFiles;
}

export interface BootcCommands {
  status(): Promise<BootcHost>;
  /** First line of `bootc --version`. */
  version(): Promise<string>;
  /** `bootc upgrade`; throws CommandFailed unless it exits 0. Returns what it printed. */
  upgrade(
    ...options: readonly ("--check" | "--download-only" | "--from-downloaded")[]
  ): Promise<string>;
  switch(reference: string): Promise<string>;
  rollback(): Promise<string>;
}

export interface SystemdReader {
  /** Waits until start-up has ended and returns `systemctl is-system-running`'s word: running, degraded, … */
  settled(): Promise<string>;
  /** Units in state failed. */
  failedUnits(): Promise<readonly string[]>;
  /** Units that are still activating and were restarted twice or more. */
  stuckUnits(): Promise<readonly string[]>;
  /** Journal lines (`journalctl -o short-monotonic`), newest last. `boot` is an offset: 0 this boot, -1 the last. */
  journal(query: {
    readonly boot?: number;
    readonly unit?: string;
    readonly priority?: string;
    readonly lines?: number;
  }): Promise<readonly string[]>;
}

export interface OstreeReader {
  /** `findmnt` of `/`: source, file system and options. */
  rootMount(): Promise<{
    readonly source: string;
    readonly fstype: string;
    readonly options: readonly string[];
  }>;
  mount(path: string): Promise<{
    readonly source: string;
    readonly fstype: string;
    readonly options: readonly string[];
  } | null>;
  /** `ostree admin status --json` (ostree 2025.3 or newer), in boot order. */
  deployments(): Promise<readonly OstreeDeployment[]>;
}

export interface GuestFiles {
  /** Content, or null when there is no such file. */
  read(path: string): Promise<string | null>;
  write(path: string, content: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** `sha256sum` of the content, or null when there is no such file. */
  sha256(path: string): Promise<string | null>;
}
