/**
 * Locks that the kernel holds: flock(2) on an open file, so a lock is free the moment its holder is dead, whichever
 * container either of them lives in. Node cannot call flock(2); `flock` (util-linux) locks the file that it is handed
 * as its standard input, and the lock stays with the harness's own descriptor when that program has ended (flock(1)).
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { HostUnfit, messageOf } from "./errors.ts";

export interface LockOptions {
  readonly signal: AbortSignal;
  /** Called once when somebody else holds the lock, with who that is: `process 123, since 2026-11-25 23:57:04 UTC`. */
  readonly onWait?: ((holder: string) => void) | undefined;
}

/** Exit code of `flock` when the lock is taken: none that it uses for anything else. */
const taken = 75;
const now = ["--exclusive", "--nonblock", "--conflict-exit-code", String(taken), "0"];
const later = ["--exclusive", "0"];

/** Takes the lock at `path`, waiting for its holder. Disposing frees it and removes the file. Throws HostUnfit where files cannot be locked. */
export async function takeLock(path: string, options: LockOptions): Promise<AsyncDisposable> {
  let told = false;
  for (;;) {
    options.signal.throwIfAborted();
    const file = openLock(path);
    try {
      if (!(await flock(path, file, now, options.signal))) {
        if (!told) options.onWait?.(holderOf(path));
        told = true;
        await flock(path, file, later, options.signal);
      }
      if (isStillAt(path, file)) {
        signLock(file);
        return { [Symbol.asyncDispose]: async () => freeLock(path, file) };
      }
    } catch (error) {
      closeSync(file);
      // The file was removed while its holder's name was read: the lock is free.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
      throw error;
    }
    closeSync(file);
  }
}

/** The lock at `path` for as long as this process lives or until it is disposed; null when somebody else holds it. Does not wait. */
export function tryLockNow(path: string): Disposable | null {
  const file = openLock(path);
  const result = spawnSync("flock", now, { stdio: [file, "ignore", "pipe"], encoding: "utf8" });
  const code = result.status;
  if (code === 0 && isStillAt(path, file)) {
    signLock(file);
    return { [Symbol.dispose]: () => freeLock(path, file) };
  }
  closeSync(file);
  if (code === 0 || code === taken) return null;
  throw unlockable(path, result.error?.message ?? result.stderr);
}

/** Opened for writing too, since NFS wants that of an exclusive lock (flock(2)). The number stays open until it is freed. */
const openLock = (path: string): number =>
  openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);

/**
 * False when somebody else holds the lock. The program dies with the harness. A lock that an aborted wait got in its
 * last moment goes with the file, which the caller closes.
 */
async function flock(
  path: string,
  file: number,
  how: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  signal.throwIfAborted();
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", "flock", ...how], {
    stdio: [file, "ignore", "pipe"],
  });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString("latin1")).slice(-500);
  });
  const kill = (): void => void child.kill("SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  try {
    const [code] = (await once(child, "close")) as [number | null];
    signal.throwIfAborted();
    if (code === 0) return true;
    if (code === taken) return false;
  } catch (error) {
    signal.throwIfAborted();
    said = messageOf(error);
  } finally {
    signal.removeEventListener("abort", kill);
  }
  throw unlockable(path, said);
}

function unlockable(path: string, said: string): HostUnfit {
  const lookAt = "npm run -s bootgate -- doctor";
  const missing = /spawn(?:Sync)? (flock|setpriv) ENOENT/.exec(said)?.[1];
  if (missing !== undefined)
    return new HostUnfit(`The host does not have the command '${missing}' (package util-linux).`, {
      lookAt,
    });
  return new HostUnfit(`The file '${path}' cannot be locked.`, {
    details: { said: said.trim().slice(-500) },
    lookAt,
  });
}

/** A holder removes the file before it frees the lock, so a waiting process may hold the lock of a file that no longer has a name. */
function isStillAt(path: string, file: number): boolean {
  const named = statSync(path, { throwIfNoEntry: false });
  const held = fstatSync(file);
  return named !== undefined && named.ino === held.ino && named.dev === held.dev;
}

/** What the holder wrote of itself. The file may have been written by anybody who may write to the cache. */
function holderOf(path: string): string {
  const text = readFileSync(path, { encoding: "utf8", flag: "r" }).slice(0, 100);
  return (
    /^process \d+(?:, since [\d-]{10} [\d:]{8} UTC)?(?=\n|$)/.exec(text)?.[0] ?? "process unknown"
  );
}

/** For people: who holds it, and since when. Nothing decides by this. */
function signLock(file: number): void {
  try {
    ftruncateSync(file);
    const since = new Date().toISOString().slice(0, 19).replace("T", " ");
    writeSync(file, `process ${process.pid}, since ${since} UTC\n`);
  } catch {
    // A full disk does not weaken the lock.
  }
}

function freeLock(path: string, file: number): void {
  try {
    if (isStillAt(path, file)) rmSync(path, { force: true });
  } finally {
    closeSync(file);
  }
}
