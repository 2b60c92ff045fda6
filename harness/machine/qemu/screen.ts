/** The display of a QEMU machine: a picture for people, and the same as pixels. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { readPpm } from "../console/screen-change.ts";
import type { Screen } from "../machine.ts";
import type { QmpClient } from "./qmp.ts";

interface Monitored {
  /** Throws while the machine is off. */
  readonly running: { readonly monitor: Pick<QmpClient, "execute"> };
  readonly workspacePath: string;
}

/** The display; `screendump` is documented in QEMU's QMP reference. */
export function qemuScreen(machine: Monitored): Screen {
  const dump = async (options: object, signal: AbortSignal): Promise<void> => {
    await machine.running.monitor.execute("screendump", options, signal);
  };
  return {
    screenshot: (path, signal) => dump({ filename: path, format: "png" }, signal),
    async picture(signal) {
      const path = join(machine.workspacePath, "screen-picture.ppm");
      try {
        await dump({ filename: path }, signal);
        return readPpm(await readFile(path));
      } finally {
        await rm(path, { force: true });
      }
    },
  };
}
