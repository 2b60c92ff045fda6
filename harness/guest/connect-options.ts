/** What is needed to turn a machine that is on into a guest that is logged in. */
import type { Image } from "../../images/image.ts";
import type { Deviation } from "../base/deviations.ts";
import type { Machine } from "../machine/machine.ts";
import type { SerialAccount } from "./serial/login.ts";
import type { SshKey } from "./ssh/ssh-key.ts";
import type { Claims } from "./tools/deployments.ts";
import type { TransportKind } from "./transport.ts";

/**
 * How guests are spoken to. `auto`: over SSH, where that cannot be had over the root channel, and then over the serial console;
 * an image that is to blame that SSH cannot be had fails by it. `any`: the same for a person, who may look at that image too.
 */
export type TransportChoice = TransportKind | "auto" | "any";

export interface ConnectOptions {
  /** Powered on, or a fork that runs. Stays the caller's, who ends it (see `onDispose`). */
  readonly machine: Machine;
  readonly image: Image;
  readonly name: string;
  readonly key: SshKey;
  readonly signal: AbortSignal;
  /** 1 with hardware acceleration, more under emulation: all limits are stretched by it. */
  readonly timeScale: number;
  /** Default `ssh`. */
  readonly transport?: TransportChoice | undefined;
  /** Who logs in on the serial console. Default: root, whom it lets in by itself. */
  readonly account?: SerialAccount | undefined;
  /** From power-on (or reboot) to the first answer. Default two minutes, scaled. Milliseconds. */
  readonly readyTimeoutMs?: number | undefined;
  /** Rejects when something the guest depends on is gone, e.g. its registry. */
  readonly giveUpWhen?: Promise<never> | undefined;
  /** What guests of bare disks said of themselves; without it nothing was said. */
  readonly claims?: Claims | undefined;
  /** Told durations: `reboot.seconds`, `upgrade.seconds`, `switch.seconds`. */
  readonly onMeasure?: ((name: string, value: number) => void) | undefined;
  /** Told what connecting found to differ from a user's boot. */
  readonly onDeviation?: ((deviation: Deviation) => void) | undefined;
  /** Told what a person should know and no rule judges. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Called once when the guest is disposed, instead of ending its connection: who gives it ends both. */
  readonly onDispose?: (() => Promise<void>) | undefined;
}
