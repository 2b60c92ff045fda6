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

/** What this process has given to machines that run, bytes: their pages are taken only as guests write to them. */
let givenBytes = 0;

/** Open until QEMU has started; from then on QEMU's own descriptors keep it. */
export interface GuestMemory extends AsyncDisposable {
  /** Counts the room as taken until QEMU has ended, and not only until this is disposed. */
  keepUntil(ended: Promise<unknown>): void;
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
  const bytes = machine.memoryMiB * 1024 * 1024;
  const file = machine.forkedMemory === null ? await openFile(bytes) : null;
  if (file === null)
    return {
      isGiven: false,
      descriptors: [],
      keepUntil: () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    };
  let until: Promise<unknown> = Promise.resolve();
  givenBytes += bytes;
  return {
    isGiven: true,
    descriptors: [file.fd],
    keepUntil(ended) {
      until = ended;
    },
    async [Symbol.asyncDispose]() {
      const giveBack = (): void => {
        givenBytes -= bytes;
      };
      until.then(giveBack, giveBack);
      await file.close();
    },
  };
}

async function openFile(bytes: number): Promise<FileHandle | null> {
  const space = await statfs(folder).catch(() => null);
  if (space === null || space.type !== tmpfsMagic) return null;
  // A guest that meets the end of /dev/shm kills QEMU (SIGBUS), so all guests together must fit, however little they hold now.
  const promised = space.blocks * space.bsize - givenBytes;
  if (Math.min(space.bavail * space.bsize, promised) < bytes) return null;
  const path = join(folder, `bootgate-${ownerLabel()}-${count++}`);
  const file = await open(path, "wx+", 0o600).catch(() => null);
  if (file === null) return null;
  try {
    await unlink(path);
    return file;
  } catch {
    await file.close();
    return null;
  }
}
