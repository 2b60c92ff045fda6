/**
 * The serial console as the harness sees it: a file that has every byte, and a watcher that knows how far the boot has
 * come and which lines are fatal. The watcher is pure (bytes and times in, facts out); drivers feed it.
 */

/** Stages of a boot, in order. `ssh` is set by the code that logs in, all others come from the console. */
export const bootStages = [
  "off",
  "firmware",
  "bootloader",
  "kernel",
  "initrd",
  "userspace",
  "ssh",
] as const;
export type BootStage = (typeof bootStages)[number];

export interface StageMark {
  readonly stage: BootStage;
  /** Since power-on or since the last reboot was seen. */
  readonly sinceMs: number;
}

/** A line on the console that ends a boot. */
export interface FatalLine {
  /** Stable name of the pattern: `kernel-panic`, `emergency-shell`, `silent`, … */
  readonly pattern: string;
  /** The line itself, cleaned of control characters, at most 500 characters. */
  readonly line: string;
  /** 1-based line number in the console log. */
  readonly lineNumber: number;
  readonly stage: BootStage;
  /** When the line came; for silence, when the last byte came. */
  readonly sinceMs: number;
  /** Whose fault it is: `host` for a console that never said a byte and for a part of the machine that failed, `unknown` where nothing proves that it is the image's. */
  readonly blame: "image" | "host" | "unknown";
}

/**
 * Whether time that runs out in this stage shows something about the image. Before the kernel speaks it does not: an
 * image without `console=` says nothing more on the serial port when it boots well, and an emulated boot loader's
 * seconds may last minutes.
 */
export const timeProves = (stage: BootStage): boolean =>
  bootStages.indexOf(stage) >= bootStages.indexOf("kernel");

export interface Console {
  /** The file with every byte the guest sent, as it came. */
  readonly path: string;
  readonly stage: BootStage;
  /** All stages reached in the current boot. */
  readonly stages: readonly StageMark[];
  /** Bytes seen since power-on. */
  readonly bytes: number;
  /** When the last of them came, by `performance.now()`; null before the first, absent where nobody keeps it. */
  readonly heardAt?: number | null;
  /** Cleaned lines, newest last, at most `count`. */
  tail(count: number): readonly string[];
  /** The same of the current boot alone: what an earlier one said is not true of it. */
  said(count: number): readonly string[];
  /** False where the kernel of this boot has not named itself: one that is told to be quiet prints what it warns of alone. */
  readonly hasKernelBanner?: boolean;
  /** False where the initramfs of this boot has not said a word itself, as where its console is another one. */
  readonly hasInitrdWord?: boolean;
  /** The version of systemd that the current boot has told; null while it has not, as on a quiet console. */
  readonly systemd: number | null;
  /** Resolves when the stage, or a later one, is reached in the current boot. Rejects only on abort. */
  reached(stage: BootStage, signal: AbortSignal): Promise<void>;
  /** Calls back for each stage as it is reached; returns the function that ends this. */
  onStage(listener: (mark: StageMark) => void): () => void;
  /** Rejects with BootFailed (MachineFault where the host is to blame, CannotTell where nothing shows who is) as soon as a fatal line is seen; never resolves. One promise per boot: after `rebooting()` it is another. */
  readonly fatal: Promise<never>;
  /** Leaves the boot menu to the caller, who types at it; it is not helped on by Enter then. */
  leaveMenu?(): void;
  /** What was typed at the menu only started one of its entries, as a user would: what comes of that is not the caller's. */
  entryPicked?(): void;
  /** Restarts that nobody asked for, as the machine or the console told them. Never goes back. */
  readonly restarts: number;
  /** Calls back for each restart that nobody asked for; returns the function that ends this. */
  onRestart(listener: () => void): () => void;
  /** Whether it can be typed at; absent: nobody knows before it is tried. */
  readonly takesKeys?: boolean;
  /**
   * Types at the serial port, at most 4096 bytes at once; keys that are not letters are in `keys.ts`. Resolves when the machine
   * has the text, which says nothing about whether anything in the guest reads it. No Enter is pressed at a boot menu of this boot any more.
   * Throws MachineFault for a machine that is off or cannot be typed to, or whose guest left unread what was typed before.
   */
  type(text: string): Promise<void>;
  /** Told by the guest layer that SSH answers: the silence rule ends and later stages need no console. */
  sshAnswered(): void;
  /** Told by the guest layer that the guest answers otherwise (root channel): user space is there, however silent the console. */
  guestAnswered(): void;
  /** Told that the guest answers and that nothing follows from it for the stage: its silence is not that of a dead one. */
  guestLives?(): void;
  /**
   * Told that a reboot was asked for: stages and clock start again at the next firmware or kernel line. `awaited`: how often the guest may
   * restart by itself from then on, since its own health checks fail; more are a loop. Default: none is awaited.
   */
  rebooting(awaited?: number): void;
}
