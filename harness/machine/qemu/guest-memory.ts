/**
 * The memory of a guest that may be frozen: a file without a name, so that nothing is left of it when the harness is
 * killed, whose pages a template can be copied from. It is handed to QEMU as an open file and not made by QEMU
 * (`memory-backend-memfd`), because from 8.1 on QEMU leaves only the memory of named files out of a saved state: with a memfd
 * a state of QEMU 10.0.2 holds all of the guest's memory, 285 MB instead of 5 MB, and every fork reads it into memory of its own.
 */
import { type FileHandle, open, statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ownerLabel } from "../../base/workspace.ts";

/** The descriptor under which QEMU gets the file. */
export const memoryFd = 3;
/** The same as a path: proc_pid_fd(5) opens a file that no longer has a name. */
export const memoryPath = `/proc/self/fd/${memoryFd}`;

/** tmpfs(5). Its pages are memory, as a guest's have to be. */
const folder = "/dev/shm";
const tmpfsMagic = 0x01021994;

let count = 0;

/** Open until QEMU has started; from then on QEMU's own descriptors keep it. */
export interface GuestMemory extends AsyncDisposable {
  /** False where QEMU has to make its memory by itself. */
  readonly isGiven: boolean;
  readonly descriptors: readonly number[];
}

/**
 * The memory of a machine that is about to start. None is given to a fork, nor where the host has no room for it in
 * /dev/shm (containers have 64 MB there by default): that machine has a memfd, and its forks are slower.
 */
export async function openGuestMemory(machine: {
  readonly forkedMemory: string | null;
  readonly memoryMiB: number;
}): Promise<GuestMemory> {
  const file = machine.forkedMemory === null ? await openFile(machine.memoryMiB) : null;
  return {
    isGiven: file !== null,
    descriptors: file === null ? [] : [file.fd],
    [Symbol.asyncDispose]: async () => file?.close(),
  };
}

async function openFile(memoryMiB: number): Promise<FileHandle | null> {
  const space = await statfs(folder).catch(() => null);
  if (space === null || space.type !== tmpfsMagic) return null;
  if (space.bavail * space.bsize < memoryMiB * 1024 * 1024) return null;
  const path = join(folder, `bootgate-${ownerLabel()}-${count++}`);
  const file = await open(path, "wx+", 0o600).catch(() => null);
  if (file !== null) await unlink(path);
  return file;
}
