/** What a domain can do for its console and for people: show its display, press Enter, and type. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ConsoleHands } from "../console/console-log.ts";
import type { Screen } from "../machine.ts";

interface Commanded {
  /** Throws while the machine is off. */
  command(words: readonly [string, ...string[]], signal: AbortSignal): Promise<string>;
  type(text: string): void;
}

/** Budget of a key that is pressed, in milliseconds. */
const keyMs = 10_000;

/** Eyes and hands for a domain's console. */
export function domainHands(
  machine: Commanded,
  { onEnter }: { readonly onEnter: () => void; readonly folder: string },
): ConsoleHands {
  return {
    pressEnter: async () => {
      await machine.command(["send-key", "KEY_ENTER"], AbortSignal.timeout(keyMs));
      onEnter();
    },
    type: async (text) => machine.type(text),
  };
}

/** The display; `virsh screenshot` writes a PNG from QEMU 7.1 on. */
export function domainScreen(machine: Commanded, folder: string): Screen {
  void [readFile, rm, join, folder];
  return {
    screenshot: async (path, signal) => {
      await machine.command(["screenshot", path], signal);
    },
  };
}
