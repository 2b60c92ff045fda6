/** Power cuts of a record on this host: a raw copy of the disk as it was before, brought forward from point to point. */
import { createHash } from "node:crypto";
import { copyFile, link, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../base/process.ts";
import { asDigest } from "../base/units.ts";
import { createWorkspace } from "../base/workspace.ts";
import type { DiskRecord } from "../machine/machine.ts";
import { CutDisk } from "./cut-disk.ts";
import type { CutState, CutsRequest, PowerCuts } from "./cuts.ts";
import { type DiskState, describeState, isOddState, stateKey } from "./disk-state.ts";
import { keepRecord } from "./keep-record.ts";
import { type CutPoint, cutPoints } from "./points.ts";
import { Replayer } from "./replay.ts";
import { readWriteLog, type WriteLog } from "./write-log.ts";

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
  let opened: OpenRecord | null = null;
  const close = async (): Promise<void> => {
    await opened?.replayer[Symbol.asyncDispose]().catch(() => undefined);
    await workspace[Symbol.asyncDispose]();
  };
  try {
    const paths = {
      disk: join(workspace.path, "disk.raw"),
      record: join(workspace.path, "writes"),
    };
    // The machine may go, and takes its own name of the file with it.
    await link(record.path, paths.record).catch(() => copyFile(record.path, paths.record));
    opened = await openRecord(record.before, paths, signal);
    const { log, replayer } = opened;
    const where = { path: paths.disk, replayer, scratch: workspace.path, signal };
    const disk = await CutDisk.open(where);
    const { entries } = log;
    const found = entries.findIndex(({ entryAt }) => entryAt >= since);
    const first = found < 0 ? entries.length : found;
    const range = { first, last: entries.length + 1 };
    const moveTo = async (point: CutPoint): Promise<void> => {
      signal.throwIfAborted();
      await replayer.moveTo(point);
    };
    return {
      ...{ count, seed, range, unread: disk.unread },
      states: () => statesOf(cutPoints(count, { seed, ...range }), disk, moveTo),
      async disk({ points: [point] }) {
        await moveTo(point);
        const words = [image.digest, paths.disk, seed, point.number].join(" ");
        const digest = asDigest(`sha256:${createHash("sha256").update(words).digest("hex")}`);
        const { stamp: _stamp, ...before } = image.disk ?? {};
        const made = { ...before, path: paths.disk, format: "raw" as const, digest };
        return { ...image, disk: made, cutAt: point.number };
      },
      keep: (folder) => keepRecord(paths.record, { before: record.before, first, seed }, folder),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Reads the disk of each point, and puts those together that are alike. */
async function statesOf(
  points: readonly CutPoint[],
  disk: CutDisk,
  moveTo: (point: CutPoint) => Promise<void>,
): Promise<CutState[]> {
  const groups = new Map<string, { state: DiskState; points: [CutPoint, ...CutPoint[]] }>();
  for (const point of points) {
    await moveTo(point);
    const state = await disk.state();
    const key = stateKey(state);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { state, points: [point] });
    else group.points.push(point);
  }
  return [...groups.values()].map(({ state, points: alike }) => ({
    ...{ text: describeState(state), isOdd: isOddState(state), points: alike },
  }));
}

export interface OpenRecord {
  readonly log: WriteLog;
  readonly replayer: Replayer;
}

/** Makes a raw disk of what a machine's disk held before, to be moved from point to point, and reads the record of what was written to it since. */
export async function openRecord(
  before: DiskRecord["before"],
  paths: { readonly disk: string; readonly record: string },
  signal: AbortSignal,
): Promise<OpenRecord> {
  const restore = async (): Promise<void> => {
    await rm(paths.disk, { force: true });
    const from = ["-f", before.format, before.path];
    await runCommand("qemu-img", ["convert", "-U", "-O", "raw", ...from, paths.disk], { signal });
  };
  await restore();
  const log = await readWriteLog(paths.record, (await stat(paths.disk)).size);
  return { log, replayer: await Replayer.open({ ...paths, restore }, log) };
}
