/** Power cuts of a record on this host: a raw copy of the disk as it was before, brought forward from point to point. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, link, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runCommand } from "../base/process.ts";
import { asDigest } from "../base/units.ts";
import { createWorkspace } from "../base/workspace.ts";
import type { DiskRecord } from "../machine/machine.ts";
import { CutDisk } from "./cut-disk.ts";
import type { CutState, CutsRequest, PowerCuts } from "./cuts.ts";
import { type DiskState, describeState, isOddState, stateKey } from "./disk-state.ts";
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
  try {
    const travel = await DiskTravel.open(record, workspace.path, signal);
    const { entries } = travel.log;
    const found = entries.findIndex(({ entryAt }) => entryAt >= since);
    const first = found < 0 ? entries.length : found;
    const range = { first, last: entries.length + 1 };
    return {
      ...{ count, seed, range, unread: travel.disk.unread },
      states: () => statesOf(travel, cutPoints(count, { seed, ...range })),
      async disk({ points: [point] }) {
        await travel.moveTo(point);
        const words = [image.digest, travel.paths.disk, seed, point.number].join(" ");
        const digest = asDigest(`sha256:${createHash("sha256").update(words).digest("hex")}`);
        const { stamp: _stamp, ...before } = image.disk ?? {};
        const disk = { ...before, path: travel.paths.disk, format: "raw" as const, digest };
        return { ...image, disk, cutAt: point.number };
      },
      async keep(folder) {
        const path = join(folder, "writes.log");
        await copyFile(travel.paths.record, path, constants.COPYFILE_FICLONE);
        return path;
      },
      async [Symbol.asyncDispose]() {
        await travel[Symbol.asyncDispose]();
        await workspace[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await workspace[Symbol.asyncDispose]();
    throw error;
  }
}

/** Reads the disk of each point, and puts those together that are alike. */
async function statesOf(travel: DiskTravel, points: readonly CutPoint[]): Promise<CutState[]> {
  const groups = new Map<string, { state: DiskState; points: [CutPoint, ...CutPoint[]] }>();
  for (const point of points) {
    await travel.moveTo(point);
    const state = await travel.disk.state();
    const key = stateKey(state);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { state, points: [point] });
    else group.points.push(point);
  }
  return [...groups.values()].map(({ state, points: alike }) => ({
    ...{ text: describeState(state), isOdd: isOddState(state), points: alike },
  }));
}

/** The raw disk in a folder, moved from point to point; it begins again where a point lies behind it. */
class DiskTravel implements AsyncDisposable {
  readonly paths: { readonly disk: string; readonly record: string };
  readonly log: WriteLog;
  readonly #before: DiskRecord["before"];
  readonly #signal: AbortSignal;
  #replayer: Replayer;
  #at = 0;
  /** What lies on it, as it is now. */
  disk: CutDisk;

  private constructor(
    given: Pick<DiskTravel, "paths" | "log">,
    how: { before: DiskRecord["before"]; signal: AbortSignal },
    now: { replayer: Replayer; disk: CutDisk },
  ) {
    this.paths = given.paths;
    this.log = given.log;
    this.#before = how.before;
    this.#signal = how.signal;
    this.#replayer = now.replayer;
    this.disk = now.disk;
  }

  static async open(
    { path, before }: DiskRecord,
    folder: string,
    signal: AbortSignal,
  ): Promise<DiskTravel> {
    const paths = { disk: join(folder, "disk.raw"), record: join(folder, "writes") };
    // The machine may go, and takes its own name of the file with it.
    await link(path, paths.record).catch(() => copyFile(path, paths.record));
    await makeBefore(before, paths.disk, signal);
    const log = await readWriteLog(paths.record, (await stat(paths.disk)).size);
    const now = await openDisk(paths, log, signal);
    return new DiskTravel({ paths, log }, { before, signal }, now);
  }

  async moveTo(point: CutPoint): Promise<void> {
    this.#signal.throwIfAborted();
    if (point.entries < this.#at) await this.#beginAgain();
    this.#at = point.entries;
    await this.#replayer.moveTo(point);
  }

  async #beginAgain(): Promise<void> {
    await this.#replayer[Symbol.asyncDispose]();
    await rm(this.paths.disk);
    await makeBefore(this.#before, this.paths.disk, this.#signal);
    const { replayer, disk } = await openDisk(this.paths, this.log, this.#signal);
    this.#replayer = replayer;
    this.disk = disk;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#replayer[Symbol.asyncDispose]().catch(() => undefined);
  }
}

async function openDisk(
  paths: DiskTravel["paths"],
  log: WriteLog,
  signal: AbortSignal,
): Promise<{ replayer: Replayer; disk: CutDisk }> {
  const scratch = dirname(paths.disk);
  const replayer = await Replayer.open(paths, log);
  try {
    return {
      replayer,
      disk: await CutDisk.open({ path: paths.disk, replayer, scratch, signal }),
    };
  } catch (error) {
    await replayer[Symbol.asyncDispose]();
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
