/** A console watcher brought to a stage, for the tests of its rules. */

import { availableParallelism } from "node:os";
import { expect } from "vitest";
import { ConsoleLog } from "../../../harness/machine/console/console-log.ts";
import {
  ConsoleWatcher,
  type WatcherFact,
} from "../../../harness/machine/console/console-watcher.ts";
import { frozen } from "../../golden/frozen.ts";

export const limits = frozen({ firstByteMs: 30_000, silenceMs: 120_000, patience: 1 });

/** What stands on the console when a stage has been reached. */
export const until = frozen({
  firmware: 'BdsDxe: loading Boot0001 "UEFI Misc Device"\r\n',
  bootloader: "BdsDxe: starting Boot0001\r\nWelcome to GRUB!\r\n",
  kernel: "[    0.000000] Linux version 7.2.12\r\n",
  initrd: "[    2.0] x\r\n[    4.100000] systemd[1]: Running in initrd.\r\n",
  userspace:
    "[    9.000000] systemd[1]: Switching root.\r\n\r\nWelcome to \x1b[1mDebian GNU/Linux forky/sid\x1b[0m!\r\n",
} as const);
export type Stage = keyof typeof until;
export const order: readonly Stage[] = frozen([
  "firmware",
  "bootloader",
  "kernel",
  "initrd",
  "userspace",
]);

export function watcherAt(stage: Stage, options = limits) {
  const watcher = new ConsoleWatcher(options);
  watcher.powerOn(0);
  for (const step of order.slice(0, order.indexOf(stage) + 1))
    watcher.feed(Buffer.from(until[step]), 100);
  expect(watcher.stage).toBe(stage);
  return watcher;
}

export const feed = (watcher: ConsoleWatcher, text: string, atMs = 1000): WatcherFact[] =>
  watcher.feed(Buffer.from(text), atMs);
export const fatalName = (watcher: ConsoleWatcher): string | null => watcher.fatal?.pattern ?? null;

/** A console on a host with so many runnable processes for each processor; its clock is the one that tests may fake. */
export const logUnderLoad = (load: number): ConsoleLog =>
  new ConsoleLog({
    ...limits,
    path: "console.log",
    name: "vm",
    now: () => Date.now(),
    sampleHost: () => ({
      atMs: performance.now(),
      ticks: null,
      stolenTicks: null,
      load: load * availableParallelism(),
      memoryPressure: null,
      throttledMs: null,
    }),
  });
