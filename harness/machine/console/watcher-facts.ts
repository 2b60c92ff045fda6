/** What a console watcher is told, its limits, and what it tells: plain data. */
import type { FatalLine, StageMark } from "./console.ts";

export interface WatcherOptions {
  /** A console that says nothing for this long after power-on is a broken harness. Milliseconds. */
  readonly firstByteMs: number;
  /** A boot that says nothing for this long has hung. Milliseconds; ends when SSH answers. */
  readonly silenceMs: number;
  /** Graces of doubtful patterns are multiplied by this: 1 with hardware acceleration, more under emulation. */
  readonly patience: number;
  /** Silence is told first (`quiet`) and judged when `looked` has said whether the screen changes. Default false. */
  readonly asksForScreen?: boolean;
  /** The passphrase of the disk is known: a question for it is told (`passphrase-waits`) and not held against the boot. Default false. */
  readonly knowsPassphrase?: boolean;
}

/** Limits for a machine; both are generous, since a boot with `quiet` says little. */
export const defaultLimits = (patience: number): WatcherOptions => ({
  firstByteMs: 30_000 * patience,
  silenceMs: 120_000 * patience,
  patience,
});

export type WatcherFact =
  | { readonly kind: "stage"; readonly mark: StageMark }
  /** `asked`: the harness wanted this restart. */
  | { readonly kind: "restarted"; readonly asked: boolean }
  /** The verdict of time is due; `looked` gives it, or begins the wait again. */
  | { readonly kind: "quiet" }
  /** A boot menu that counts down has said nothing for a while. Once a menu. */
  | { readonly kind: "menu-waits" }
  /** The boot asks for the disk's passphrase and reads what is typed. Once a question. */
  | { readonly kind: "passphrase-waits" }
  | {
      readonly kind: "fatal";
      readonly fatal: FatalLine;
      readonly meaning: string;
      /** The guest runs on: it is faulty, not down. */
      readonly goesOn: boolean;
      /** A reboot was asked for, and no other boot was seen to begin: it may be of either. */
      readonly isBetween: boolean;
      readonly howTo?: string;
      /** How long was waited for a sign of life, in milliseconds; absent where the line alone ends a boot. */
      readonly waitedMs?: number;
    };
