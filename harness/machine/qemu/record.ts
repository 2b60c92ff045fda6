/**
 * The record of what a machine writes to its first disk: a file in the machine's workspace, which QEMU's filter `blklogwrites` fills
 * (`qemu-argv.ts`). Killing QEMU loses nothing that the host has, so it is less than a power cut; a disk that is made of such a record is one.
 */
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "../../base/errors.ts";
import type { DiskRecord, MachineSpec } from "../machine.ts";
import type { AttachedDisk } from "./qemu-argv.ts";

/** The disks of a machine, the first one with a record where its spec wants that. */
export async function recorded(
  spec: MachineSpec,
  disks: AttachedDisk[],
  folder: string,
): Promise<AttachedDisk[]> {
  const [first, ...others] = disks;
  if (spec.recordsWrites !== true || first === undefined) return disks;
  if (spec.disks[0]?.kind !== "overlay")
    throw new UsageError(`Only what is written to an overlay is recorded, for '${spec.name}' too.`);
  const record = join(folder, "disk0.writes");
  // Empty: QEMU goes on with what is there, and begins where nothing is.
  await writeFile(record, "");
  return [{ ...first, record }, ...others];
}

/** The record of a machine that has one. */
export function recordOf(
  { disks: [disk] }: Pick<MachineSpec, "disks">,
  [attached]: readonly AttachedDisk[],
): DiskRecord | null {
  const path = attached?.record;
  if (path === undefined || disk?.kind !== "overlay") return null;
  return {
    path,
    before: { path: disk.backingFile, format: disk.backingFormat },
    position: async () => (await stat(path)).size,
  };
}
