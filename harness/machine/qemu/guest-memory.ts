/**
 * The memory of a guest that may be frozen: a file without a name, so that nothing is left of it when the harness is
 * killed, whose pages a template can be copied from. It is handed to QEMU as an open file and not made by QEMU
 * (`memory-backend-memfd`), because from 8.1 on QEMU leaves only the memory of named files out of a saved state: with a memfd
 * a state of QEMU 10.0.2 holds all of the guest's memory, 285 MB instead of 5 MB, and every fork reads it into memory of its own.
 */
import { type FileHandle, open, readdir, readlink, stat, statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ownerLabel } from "../../base/workspace.ts";

/** The descriptor under which QEMU gets the file. */
export const memoryFd = 3;
/** The same as a path: proc_pid_fd(5) opens a file that no longer has a name. */
export const memoryPath = `/proc/self/fd/${memoryFd}`;

/** tmpfs(5). Its pages are memory, as a guest's have to be. */
const folder = "/dev/shm";
const prefix = join(folder, "bootgate-");
const tmpfsMagic = 0x01021994;

let count = 0;

/** Open until QEMU has started; from then on QEMU's own descriptors keep it. */
export interface GuestMemory extends AsyncDisposable {
  readonly descriptors: readonly number[];
  /** False where QEMU has to make its memory by itself. */
  readonly isGiven: boolean;
  /** Why a machine that could be frozen has not been given a file, as a sentence; null where it has, and for a fork. */
  readonly lack: string | null;
}

/**
 * The memory of a machine that is about to start. None is given to a fork, nor where the host has no room for it in
 * /dev/shm (containers have 64 MB there by default): that machine has a memfd, and its forks are slower.
 */
export async function openGuestMemory(machine: {
  readonly forkedMemory: string | null;
  readonly memoryMiB: number;
}): Promise<GuestMemory> {
  if (machine.forkedMemory !== null) return notGiven(null);
  const bytes = machine.memoryMiB * 1024 * 1024;
  const file = await openFile(bytes).catch((error: NodeJS.ErrnoException) => error.code ?? "error");
  if (typeof file === "string") {
    const why = `${folder} has no room for the ${machine.memoryMiB} MiB of a guest (${file})`;
    return notGiven(
      `${why}, so what guests are forked from holds all of their memory, and forks start more slowly; a container has more by --shm-size.`,
    );
  }
  return {
    isGiven: true,
    lack: null,
    descriptors: [file.fd],
    [Symbol.asyncDispose]: () => file.close(),
  };
}

const notGiven = (lack: string | null): GuestMemory => ({
  isGiven: false,
  lack,
  descriptors: [],
  [Symbol.asyncDispose]: async () => undefined,
});

/** A file of this size, or why there is none. */
async function openFile(bytes: number): Promise<FileHandle | string> {
  const { type } = await statfs(folder);
  if (type !== tmpfsMagic) return "it is not a tmpfs";
  const path = `${prefix}${ownerLabel()}-${count++}`;
  const file = await open(path, "wx+", 0o600);
  try {
    await unlink(path);
    // Before the room is looked at: of two machines that begin at once, each sees the other's wish.
    await file.truncate(bytes);
    const shortBytes = await overpromisedBytes((await file.stat()).dev);
    if (shortBytes <= 0) return file;
    await file.close();
    return `${Math.ceil(shortBytes / 1024 / 1024)} MiB are missing, with what other guests have yet to take`;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * How much more all guests together may come to write than is free. A file of memory has its whole size at once and takes
 * pages only as a guest writes to them; a guest that meets the end of /dev/shm kills QEMU (SIGBUS), so all must fit,
 * however little they hold now. The files do not have names, but each is open in its QEMU or in its harness, in whichever
 * run of this user, and proc_pid_fd(5) shows it; it goes with the last of them. `device` tells this /dev/shm from those of
 * containers, whose files have the same names.
 */
async function overpromisedBytes(device: number): Promise<number> {
  const untouched = new Map<number, number>();
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  await Promise.all(
    processes.map(async (pid) => {
      const open = await readdir(`/proc/${pid}/fd`).catch(() => []);
      for (const fd of open) {
        const path = `/proc/${pid}/fd/${fd}`;
        const target = await readlink(path).catch(() => "");
        if (!target.startsWith(prefix)) continue;
        const facts = await stat(path).catch(() => null);
        if (facts?.dev !== device) continue;
        // Of st_blocks, 512 bytes each (stat(3type)).
        untouched.set(facts.ino, facts.size - facts.blocks * 512);
      }
    }),
  );
  const { bavail, bsize } = await statfs(folder);
  const wanted = [...untouched.values()].reduce((sum, one) => sum + Math.max(0, one), 0);
  return wanted - bavail * bsize;
}
