/** What a QEMU machine can do for its console: look at the display whether anything moves on it, press Enter, and type. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { ConsoleHands } from "../console/console-log.ts";
import { isMoving, type Picture, readPpm } from "../console/screen-change.ts";
import type { ConsolePort } from "./console-port.ts";
import type { QmpClient } from "./qmp.ts";

interface Monitored {
  /** Throws while the machine is off. */
  readonly running: { readonly monitor: Pick<QmpClient, "execute"> };
  readonly workspacePath: string;
}

/** Budget of one answer of the monitor, in milliseconds. */
const answerMs = 5000;

export interface HandsOptions {
  /** Called once Enter was pressed on the keyboard. */
  readonly onEnter: () => void;
  readonly serial: Pick<ConsolePort, "type">;
}

/** Eyes and hands for a machine's console. */
export function consoleHands(machine: Monitored, { onEnter, serial }: HandsOptions): ConsoleHands {
  const execute = async (command: string, options: object): Promise<void> => {
    await machine.running.monitor.execute(command, options, AbortSignal.timeout(answerMs));
  };
  const dump = (filename: string) => execute("screendump", { filename });
  return {
    screenChanged: () => screenMoves({ dump, folder: machine.workspacePath }),
    pressEnter: async () => {
      // Pressed and released, as a person at the menu would do.
      await execute("send-key", { keys: [{ type: "qcode", data: "ret" }] });
      onEnter();
    },
    type: async (text) => serial.type(text, machine.running.monitor),
  };
}

export interface ScreenProbe {
  /** Writes what the display shows to a file, as PPM. */
  readonly dump: (path: string) => Promise<void>;
  /** Where the pictures go while they are looked at. */
  readonly folder: string;
  /** Between two looks, in milliseconds. Default 1.7 s, which is not a multiple of a cursor's beat. */
  readonly everyMs?: number;
  /** Reads what `dump` wrote. Default: PPM. */
  readonly read?: (file: Uint8Array) => Picture | null;
}

const looks = 4;

/** True when the screen changes, false when it stands still, null when there is none to look at. Never throws. */
export async function screenMoves({
  dump,
  folder,
  everyMs = 1700,
  read = readPpm,
}: ScreenProbe): Promise<boolean | null> {
  const path = join(folder, "screen-look.ppm");
  const pictures: Picture[] = [];
  try {
    for (let look = 0; look < looks; look++) {
      if (look > 0) await pause(everyMs);
      await dump(path);
      const picture = read(await readFile(path));
      if (picture === null) return null;
      pictures.push(picture);
      if (isMoving(pictures)) return true;
    }
    return false;
  } catch {
    return null;
  } finally {
    await rm(path, { force: true });
  }
}
