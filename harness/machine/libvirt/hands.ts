/** What a domain can do for its console and for people: show its display, press Enter, and type. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { decode } from "fast-png";
import type { ConsoleHands } from "../console/console-log.ts";
import { type Picture, readPpm } from "../console/screen-change.ts";
import type { Screen } from "../machine.ts";
import { screenMoves } from "../qemu/console-hands.ts";

interface Commanded {
  /** Runs a command of virsh about the domain. Throws while the machine is off. */
  command(words: readonly [string, ...string[]], signal: AbortSignal): Promise<string>;
  type(text: string): void;
}

/** Budget of a key that is pressed or of a look at the screen, in milliseconds. */
const actMs = 10_000;

export interface HandsOptions {
  /** Called once Enter was pressed on the keyboard. */
  readonly onEnter: () => void;
  /** Where pictures go while they are looked at. */
  readonly folder: string;
}

/** Eyes and hands for a domain's console. */
export function domainHands(machine: Commanded, { onEnter, folder }: HandsOptions): ConsoleHands {
  return {
    screenChanged: () =>
      screenMoves({
        dump: (path) => shoot(machine, path, AbortSignal.timeout(actMs)),
        folder,
        read: readPicture,
      }),
    pressEnter: async () => {
      await machine.command(["send-key", "KEY_ENTER"], AbortSignal.timeout(actMs));
      onEnter();
    },
    type: async (text) => machine.type(text),
  };
}

/** The display. With QEMU 7.1 and later `virsh screenshot` writes a PNG, with older ones a PPM. */
export function domainScreen(machine: Commanded, folder: string): Screen {
  return {
    screenshot: (path, signal) => shoot(machine, path, signal),
    async picture(signal) {
      const path = join(folder, "screen-picture");
      try {
        await shoot(machine, path, signal);
        return readPicture(await readFile(path));
      } finally {
        await rm(path, { force: true });
      }
    },
  };
}

const shoot = async (machine: Commanded, path: string, signal: AbortSignal): Promise<void> => {
  await machine.command(["screenshot", path], signal);
};

/** A picture of a display, PNG or PPM; null for anything else. */
export function readPicture(file: Uint8Array): Picture | null {
  if (file[0] !== 0x89) return readPpm(file);
  try {
    const { width, height, data, channels, depth } = decode(file);
    if (depth !== 8 || channels < 3) return null;
    const pixels = new Uint8Array(width * height * 3);
    for (let at = 0; at < width * height; at++)
      for (let part = 0; part < 3; part++) pixels[at * 3 + part] = data[at * channels + part] ?? 0;
    return { width, height, pixels };
  } catch {
    return null;
  }
}
