/** What changes images from inside in this run: a machine of the driver that can start a kernel directly. */
import type { ImageRunner } from "../../../images/derive/inside-layer.ts";
import type { MachineDriver } from "../../machine/machine.ts";
import { createImageRunner } from "../../states/build/run-in-image.ts";
import type { DiskOptions } from "./disk-options.ts";

/** What is changed lies in the machine's memory beside its programs. MiB. */
const memoryMiB = 2048;

/** The runner; undefined where no driver here can run a helper machine. */
export function openImageRunner(
  { buildMemory = memoryMiB }: DiskOptions,
  driver: MachineDriver | undefined,
  say: (line: string) => void,
): ImageRunner | undefined {
  return driver === undefined
    ? undefined
    : createImageRunner({ driver, memoryMiB: buildMemory, onProgress: say, onNote: say });
}
