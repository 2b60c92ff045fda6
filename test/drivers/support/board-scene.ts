/** What the tests of the driver of boards share: a scripted board, a disk for it, and a driver of it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { messageOf, outcomeOf } from "../../../harness/base/errors.ts";
import { boardNamed, loadBoards } from "../../../harness/machine/board/config.ts";
import {
  type BoardDriverOptions,
  createBoardDriver,
} from "../../../harness/machine/board/driver.ts";
import { holderOf } from "../../../harness/machine/board/lease/lease.ts";
import { defaultLimits } from "../../../harness/machine/console/console-watcher.ts";
import type {
  CreateOptions,
  Machine,
  MachineDriver,
  MachineSpec,
} from "../../../harness/machine/machine.ts";
import { ScriptedBoard, type ScriptedBoardOptions } from "../../boards/scripted-board.ts";
import { diskWithGap } from "../../boards/small-disk.ts";

export const { signal } = new AbortController();
export const credentials = {
  "tmpfiles.extra": `d /root/.ssh 0700 root root -\nw+~ /root/.ssh/authorized_keys - - - - ${"QUJD".repeat(30)}\n`,
  "agetty.autologin": "root",
};
export let folder = "";
export let board: ScriptedBoard;
/** A folder with a disk in it, and leases of its own. */
export async function prepareBoard(): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), "bootgate-board-"));
  vi.stubEnv("BOOTGATE_BOARDS", join(folder, "boards"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  await writeFile(join(folder, "disk.raw"), diskWithGap());
}

export async function removeBoard(): Promise<void> {
  await board?.[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
}

export const spec = (change: Partial<MachineSpec> = {}): MachineSpec => ({
  ...{ name: "candidate", architecture: "x86_64", firmware: "uefi", memoryMiB: 512, cpus: 1 },
  disks: [
    {
      kind: "overlay",
      ...{ backingFile: join(folder, "disk.raw"), backingFormat: "raw" },
      contentDigest: `sha256:${"d".repeat(64)}`,
    },
  ],
  ...{ network: "closed", forwards: [], credentials },
  imageDigest: `sha256:${"1".repeat(64)}`,
  ...change,
});

/** A driver of a scripted board; its card is a file that a program of the lab writes. */
export async function driverOf(
  script: ScriptedBoardOptions = {},
  more: Partial<BoardDriverOptions> = {},
  storage = `{ by: command, write: [cp, "{image}", ${join(folder, "card")}] }`,
  words: { readonly power?: string; readonly limits?: string; readonly more?: string } = {},
): Promise<MachineDriver> {
  board = await ScriptedBoard.start(script);
  const path = join(folder, "boards.yaml");
  await writeFile(path, `version: 1\nboards:\n  pc:\n${board.describe({ storage, ...words })}`);
  const boards = await loadBoards(path);
  return createBoardDriver({
    ...{ board: boardNamed(boards, "pc"), boardsPath: path, person: null },
    ...{ onProgress: () => undefined, limits: defaultLimits(1), silenceMs: 200 },
    ...more,
  });
}

export const make = (
  driver: MachineDriver,
  change: Partial<MachineSpec> = {},
  pauseClock?: CreateOptions["pauseClock"],
): Promise<Machine> => driver.create(spec(change), { directory: folder, signal, pauseClock });

/** Returns once the kernel is there, or how the boot ended. */
export const boots = (machine: Machine): Promise<unknown> =>
  Promise.race([
    machine.console.reached("userspace", signal),
    machine.console.fatal,
    machine.died,
  ]).catch((error: unknown) => error);

export const isFree = async (): Promise<void> => {
  expect(board.isOn).toBe(false);
  expect(await holderOf("pc")).toBeNull();
};

/** Broken, in these words, and the board off and free. */
export async function isBroken(error: unknown, words: RegExp): Promise<void> {
  expect(outcomeOf(error).kind, messageOf(error)).toBe("broken");
  expect(messageOf(error)).toMatch(words);
}

export const thrown = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable("it had to fail"),
    (error: unknown) => error,
  );
