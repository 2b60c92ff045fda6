/** Power cuts of a record on this host: a raw copy of the disk as it was before, brought forward from point to point. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, link, mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../base/process.ts";
import { asDigest } from "../base/units.ts";
import { createWorkspace } from "../base/workspace.ts";
import type { DiskRecord } from "../machine/machine.ts";
import { CutDisk } from "./cut-disk.ts";
import type { CutState, CutsRequest, PowerCuts } from "./cuts.ts";
import { type DiskState, describeState, isOddState, stateKey } from "./disk-state.ts";
import { type CutPoint, cutPoints } from "./points.ts";
import { Replayer } from "./replay.ts";
import { readWriteLog } from "./write-log.ts";

export interface CutChoice {
  /** How many points. */
  readonly count: number;
  readonly seed: string;
}

/** In `npm test`; `test:full` asks for 500. */
export const usualCuts: CutChoice = { count: 60, seed: "1" };

/** Opens them. Throws CannotTell for a record that cannot be read, HostUnfit where the host lacks a program or room. */
export async function openCuts(
  record: DiskRecord,
  { image, since, signal }: CutsRequest,
  { count, seed }: CutChoice,
): Promise<PowerCuts> {
  const workspace = await createWorkspace("cuts");
  try {
    const paths = {
      disk: join(workspace.path, "disk.raw"),
      record: join(workspace.path, "writes"),
    };
    const scratch = join(workspace.path, "scratch");
    await mkdir(scratch);
    // The machine may go, and takes its own name of the file with it.
    await link(record.path, paths.record).catch(() => copyFile(record.path, paths.record));
    await makeBefore(record.before, paths.disk, signal);
    const log = await readWriteLog(paths.record, (await stat(paths.disk)).size);
    const found = log.entries.findIndex(({ entryAt }) => entryAt >= since);
    const first = found < 0 ? log.entries.length : found;
    const range = { first, last: log.entries.length + 1 };
    let replayer = await Replayer.open(paths, log);
    const open = () => CutDisk.open({ path: paths.disk, replayer, scratch, signal });
    let disk = await open();
    const startAgain = async (): Promise<void> => {
      await replayer[Symbol.asyncDispose]();
      await rm(paths.disk);
      await makeBefore(record.before, paths.disk, signal);
      replayer = await Replayer.open(paths, log);
      disk = await open();
    };
    let at = 0;
    const moveTo = async (point: CutPoint): Promise<void> => {
      signal.throwIfAborted();
      if (point.entries < at) await startAgain();
      at = point.entries;
      await replayer.moveTo(point);
    };
    return {
      ...{ count, seed, range, unread: disk.unread },
      async states() {
        const groups = new Map<string, { state: DiskState; points: [CutPoint, ...CutPoint[]] }>();
        for (const point of cutPoints(count, { seed, ...range })) {
          await moveTo(point);
          const state = await disk.state();
          const key = stateKey(state);
          const group = groups.get(key);
          if (group === undefined) groups.set(key, { state, points: [point] });
          else group.points.push(point);
        }
        return [...groups.values()].map(
          ({ state, points }): CutState => ({
            ...{ text: describeState(state), isOdd: isOddState(state), points },
          }),
        );
      },
      async disk({ points: [point] }) {
        await moveTo(point);
        const words = [image.digest, paths.disk, seed, point.number].join(" ");
        const digest = asDigest(`sha256:${createHash("sha256").update(words).digest("hex")}`);
        const { stamp: _stamp, ...before } = image.disk ?? {};
        return {
          ...image,
          disk: { ...before, path: paths.disk, format: "raw", digest },
          cutAt: point.number,
        };
      },
      async keep(folder) {
        const path = join(folder, "writes.log");
        await copyFile(paths.record, path, constants.COPYFILE_FICLONE);
        return path;
      },
      async [Symbol.asyncDispose]() {
        await replayer[Symbol.asyncDispose]().catch(() => undefined);
        await workspace[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await workspace[Symbol.asyncDispose]();
    throw error;
  }
}

async function makeBefore(
  { path, format }: DiskRecord["before"],
  to: string,
  signal: AbortSignal,
): Promise<void> {
  const from = ["-f", format, path];
  await runCommand("qemu-img", ["convert", "-U", "-O", "raw", ...from, to], { signal });
}
