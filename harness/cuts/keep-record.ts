/**
 * Keeps records of a disk's writes beside a job's evidence, with what a point needs besides to be made again. A job may have several records,
 * and none takes the place of another.
 */
import { constants } from "node:fs";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** What stands beside a kept record, as `writes.json` beside `writes.log`. */
export const recordFacts = z.strictObject({
  /** The disk as it was before the first write; on the host that made the record. */
  before: z.strictObject({ path: z.string().min(1), format: z.enum(["raw", "qcow2"]) }),
  /** Number of the first entry behind which the power may go. */
  first: z.int().min(0),
  /** Of the points that were made of it. */
  seed: z.string().min(1),
});
export type RecordFacts = z.infer<typeof recordFacts>;

/** Where the facts of a kept record stand. */
export const factsPathOf = (record: string): string => `${record.replace(/\.log$/, "")}.json`;

/** More than a job makes. */
const mostRecords = 100;

/** Copies a record into a folder under the first name that is free: `writes.log`, `writes-2.log`. Returns its path. */
export async function keepRecord(
  record: string,
  facts: RecordFacts,
  folder: string,
): Promise<string> {
  for (let number = 1; ; number++) {
    const path = join(folder, number === 1 ? "writes.log" : `writes-${number}.log`);
    try {
      await copyFile(record, path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === "EEXIST";
      if (!isTaken || number === mostRecords) throw error;
      continue;
    }
    await writeFile(factsPathOf(path), `${JSON.stringify(facts, null, 1)}\n`, { flag: "wx" });
    return path;
  }
}
