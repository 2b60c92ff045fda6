/** Makes the disk of one point of a kept record, for a person to look at. */
import { rename, rm, stat } from "node:fs/promises";
import { syncPath } from "../base/draft.ts";
import { createWorkspace } from "../base/workspace.ts";
import { draftOf } from "../base/write-whole.ts";
import { CutDisk } from "./cut-disk.ts";
import { describeState } from "./disk-state.ts";
import type { RecordFacts } from "./keep-record.ts";
import { openRecord } from "./open-cuts.ts";
import { type CutPoint, cutPoint } from "./points.ts";

export interface MadePoint {
  readonly point: CutPoint;
  /** One line: what would boot, as it was read offline. */
  readonly text: string;
  /** What cannot be read offline, in whole sentences. */
  readonly unread: readonly string[];
  readonly diskBytes: number;
}

/**
 * Makes a raw disk at `out`, which is there whole or not at all. Throws CannotTell for a record that cannot be read, HostUnfit where the host
 * lacks a program or room.
 */
export async function makePoint(
  { path, facts }: { readonly path: string; readonly facts: RecordFacts },
  { number, seed, out }: { readonly number: number; readonly seed: string; readonly out: string },
  signal: AbortSignal,
): Promise<MadePoint> {
  await using workspace = await createWorkspace("cut");
  const paths = { disk: draftOf(out), record: path };
  try {
    const { log, replayer } = await openRecord(facts.before, paths, signal);
    await using _ = replayer;
    const where = { path: paths.disk, replayer, scratch: workspace.path, signal };
    const disk = await CutDisk.open(where);
    const last = log.entries.length + 1;
    const point = cutPoint(number, { seed, first: Math.min(facts.first, last - 1), last });
    await replayer.moveTo(point);
    const text = describeState(await disk.state());
    // Reading has replayed the journals, which is not what the power cut left.
    await replayer.moveTo(point);
    await syncPath(paths.disk);
    const { size: diskBytes } = await stat(paths.disk);
    await rename(paths.disk, out);
    return { point, text, unread: disk.unread, diskBytes };
  } catch (error) {
    await rm(paths.disk, { force: true }).catch(() => undefined);
    throw error;
  }
}
