/** Keeps records of a disk's writes beside a job's evidence: a job may have several, and none takes the place of another. */
import { constants } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";

/** More than a job makes. */
const mostRecords = 100;

/** Copies a record into a folder under the first name that is free: `writes.log`, `writes-2.log`. Returns its path. */
export async function keepRecord(record: string, folder: string): Promise<string> {
  for (let number = 1; ; number++) {
    const path = join(folder, number === 1 ? "writes.log" : `writes-${number}.log`);
    try {
      await copyFile(record, path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
      return path;
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === "EEXIST";
      if (!isTaken || number === mostRecords) throw error;
    }
  }
}
