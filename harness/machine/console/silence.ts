/** What silence means. The same quiet console is a hung kernel, an image without `console=`, or a harness that hears nothing. */
import { type BootStage, type FatalLine, timeProves } from "./console.ts";
import type { WatcherOptions } from "./watcher-facts.ts";

/** Follows for how long a console has said nothing. Times are milliseconds that never go back. */
export class Quiet {
  readonly #limits: Pick<WatcherOptions, "firstByteMs" | "silenceMs">;
  /** Since power-on. */
  bytes = 0;
  lastByteMs = 0;
  /** The last sign of life: a byte, or a screen that changed. */
  #lastSignMs = 0;
  /** Silence counts only while the machine is on, SSH has not answered and it is not a fork at rest. */
  listening = false;

  constructor(limits: Pick<WatcherOptions, "firstByteMs" | "silenceMs">) {
    this.#limits = limits;
  }

  begin(atMs: number): void {
    this.lastByteMs = atMs;
    this.#lastSignMs = atMs;
  }

  heard(bytes: number, atMs: number): void {
    this.bytes += bytes;
    this.begin(atMs);
  }

  sawScreen(atMs: number): void {
    this.#lastSignMs = atMs;
  }

  /** Whether it has lasted longer than it may. */
  isTooLong(atMs: number): boolean {
    const { firstByteMs, silenceMs } = this.#limits;
    const limitMs = this.bytes === 0 ? firstByteMs : silenceMs;
    return this.listening && atMs - this.#lastSignMs >= limitMs;
  }

  /** What it shows, of a boot that was seen so far and said this last. */
  found(
    seen: Pick<Silence, "stage" | "hasKernelBanner" | "hasInitrdWord">,
    lastLine: string,
    atMs: number,
  ) {
    const quietMs = atMs - this.lastByteMs;
    const verdict = silenceOf({ bytes: this.bytes, ...seen, quietMs, lastLine });
    return { ...verdict, atMs: this.lastByteMs, waitedMs: quietMs };
  }
}

export interface Silence {
  /** Bytes since power-on. */
  readonly bytes: number;
  readonly stage: BootStage;
  /** Whether the kernel named itself in this boot. */
  readonly hasKernelBanner: boolean;
  /** Whether the initramfs said something itself in this boot. Default true. */
  readonly hasInitrdWord?: boolean;
  readonly quietMs: number;
  readonly lastLine: string;
}

export interface SilenceVerdict extends Omit<FatalLine, "sinceMs"> {
  /** Ends the sentence "The image did not boot: …". */
  readonly meaning: string;
  readonly howTo?: string;
}

const wayIn =
  "enable sshd in the image; with systemd 256 or later the root channel answers too, unless --no-channel leaves it out";

/** How to give a way in to a guest that nothing can be asked of: one that was seen in user space has a console. */
export function howToGiveAccess(stage: BootStage, hasKernelBanner = true): string {
  if (isUserspace(stage)) return wayIn;
  return stage === "kernel" && !hasKernelBanner
    ? `leave 'quiet' out of the image's kernel arguments, or ${wayIn}`
    : `add console=ttyS0 to the image's kernel arguments, or ${wayIn}`;
}

const isUserspace = (stage: BootStage): boolean => stage === "userspace" || stage === "ssh";

/** kernel/printk/printk.c, unregister_console: the console of early messages leaves, and no console= follows it here. */
const earlyConsoleLeft = /\bbootconsole \[[^\]]{1,32}\] disabled/;

/** Whether a boot that came no further than its kernel shows that it has a console to be heard on. */
export const kernelIsHeard = (hasKernelBanner: boolean, lastLine: string): boolean =>
  hasKernelBanner && !earlyConsoleLeft.test(lastLine);

/**
 * Whether a boot that came no further than its initramfs shows that user space has this console: /dev/console is the last
 * `console=` alone, and the kernel speaks on all (Linux, Documentation/admin-guide/serial-console.rst).
 */
export const initrdIsHeard = (stage: BootStage, hasInitrdWord: boolean): boolean =>
  stage !== "initrd" || hasInitrdWord;

/**
 * Whose fault a silence is that has lasted too long. Only a kernel or an initramfs that spoke and stopped proves something: a kernel with
 * `quiet` may print one warning on its way to a system that is up (Linux, Documentation/admin-guide/kernel-parameters.txt).
 */
export function silenceOf({
  bytes,
  stage,
  hasKernelBanner,
  hasInitrdWord = true,
  quietMs,
  lastLine,
}: Silence): SilenceVerdict {
  const at = { stage, lineNumber: 0 };
  const seconds = Math.round(quietMs / 1000);
  if (bytes === 0)
    return {
      ...at,
      pattern: "silent",
      line: "",
      blame: "host",
      meaning: `the console never said a byte in ${seconds} s`,
    };
  const silence = { ...at, pattern: "no-output", line: lastLine };
  const isInside = isUserspace(stage);
  const spoke =
    stage === "kernel"
      ? kernelIsHeard(hasKernelBanner, lastLine)
      : initrdIsHeard(stage, hasInitrdWord);
  if (timeProves(stage) && !isInside && spoke)
    return { ...silence, blame: "image", meaning: `no output for ${seconds} s` };
  const known = isInside ? "it came as far as user space" : "it may have booted";
  return {
    ...silence,
    blame: "unknown",
    meaning: `${known}, but it says nothing ${isInside ? "more " : ""}on the serial port and nothing can be asked of it (no output for ${seconds} s)`,
    howTo: howToGiveAccess(stage, hasKernelBanner),
  };
}
