/** What is needed to turn a machine that is on into a guest that is logged in. */
import type { Image } from "../../images/image.ts";
import type { Machine } from "../machine/machine.ts";
import type { SshKey } from "./ssh/ssh-key.ts";
import type { Claims } from "./tools/deployments.ts";

export interface ConnectOptions {
  /** Powered on, or a fork that runs. Stays the caller's, who ends it (see `onDispose`). */
  readonly machine: Machine;
  readonly image: Image;
  readonly name: string;
  readonly key: SshKey;
  readonly signal: AbortSignal;
  /** 1 with hardware acceleration, more under emulation: all limits are stretched by it. */
  readonly timeScale: number;
  /** From power-on (or reboot) to SSH. Default two minutes, scaled. Milliseconds. */
  readonly readyTimeoutMs?: number | undefined;
  /** Rejects when something the guest depends on is gone, e.g. its registry. */
  readonly giveUpWhen?: Promise<never> | undefined;
  /** What guests of bare disks said of themselves; without it nothing was said. */
  readonly claims?: Claims | undefined;
  /** Told durations: `reboot.seconds`, `upgrade.seconds`, `switch.seconds`. */
  readonly onMeasure?: ((name: string, value: number) => void) | undefined;
  /** Called once when the guest is disposed, instead of ending its connection: who gives it ends both. */
  readonly onDispose?: (() => Promise<void>) | undefined;
}
