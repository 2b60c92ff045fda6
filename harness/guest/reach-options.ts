/** What is needed to wait for a guest, over whichever transport. */
import type { BootgateError } from "../base/errors.ts";
import type { HostVerdict } from "../base/host-health.ts";
import type { Machine } from "../machine/machine.ts";
import type { BootTime } from "./boot-time.ts";
import type { RootChannel } from "./channel/root-channel.ts";
import type { Reached } from "./reached.ts";
import type { SerialAccount } from "./serial/login.ts";
import type { SshKey } from "./ssh/ssh-key.ts";
import type { TransportKind } from "./transport.ts";
import type { Trouble } from "./trouble.ts";

/** How a wait ended in which nothing came. */
export interface Ended {
  readonly host: HostVerdict;
  /** How long was waited, in milliseconds: the limit, or less where it was given up. */
  readonly waitedMs: number;
}

export interface ReachOptions {
  readonly machine: Pick<Machine, "accelerator" | "console" | "sshAddress" | "start">;
  readonly name: string;
  readonly key: SshKey;
  readonly over: TransportKind;
  /** The machine's root channel, or null where it does not have one. */
  readonly channel: RootChannel | null;
  /** Who logs in on the serial console. Default: root, whom it lets in by itself. */
  readonly account?: SerialAccount | undefined;
  readonly timeoutMs: number;
  /** For a guest that goes down first: how long it has for that. Milliseconds. */
  readonly wayDownMs?: () => number;
  /** No boot is waited for, only a guest that answered a moment ago. */
  readonly isFixed?: boolean;
  /** Stretches the small limits: 1 with hardware acceleration. */
  readonly timeScale: number;
  readonly trouble: Trouble;
  readonly signal: AbortSignal;
  /** Looks at a boot that answers; false says that it is not the one waited for. */
  readonly accept?: (reached: Reached) => Promise<boolean>;
  /** The error when time runs out, or when waiting any longer is useless. Default: the one for a power-on. */
  readonly onTimeout?: (details: Readonly<Record<string, string>>, ended: Ended) => BootgateError;
}

export interface TimedReach extends ReachOptions {
  readonly time: BootTime;
}
