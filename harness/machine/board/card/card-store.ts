/** The bytes of a card. The seam of card writing: a real device, a file that stands for one, or one that lies. */
import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { HostUnfit, MachineFault, messageOf } from "../../../base/errors.ts";
import { attemptCommand } from "../../../base/process.ts";
import type { ProvedCard } from "./prove-card.ts";
import { deviceNumber } from "./prove-card.ts";

export interface CardStore extends AsyncDisposable {
  /** For messages. */
  readonly path: string;
  readonly bytes: number;
  write(bytes: Uint8Array, at: number): Promise<void>;
  read(length: number, at: number): Promise<Buffer>;
  /** Returns when the device says that it has all. */
  flush(): Promise<void>;
  /** The first `length` bytes in order, from the device itself and past every cache of the host. */
  readBack(length: number, signal: AbortSignal): AsyncIterable<Buffer>;
}

/** Opens a proved card for this process alone. Throws HostUnfit where the host uses it after all, or it is another device by now. */
export async function openCard(card: ProvedCard): Promise<CardStore> {
  const flags = constants.O_RDWR | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(card.path, flags).catch((cause: NodeJS.ErrnoException) => {
    const toDo =
      cause.code === "EACCES"
        ? `let this user write to the reader alone, by a udev rule such as SUBSYSTEM=="block", ENV{ID_PATH}=="…", TAG+="uaccess" ('udevadm info ${card.path}' tells its ID_PATH)`
        : "see 'lsblk' and 'lsof'";
    const why = cause.code === "EBUSY" ? "this host uses it" : messageOf(cause);
    throw new HostUnfit(`The card '${card.path}' cannot be opened: ${why}.`, {
      cause,
      details: { "to do": toDo },
    });
  });
  const { rdev } = await file.stat();
  if (deviceNumber(rdev) !== card.number) {
    await file.close();
    throw new HostUnfit(`The card '${card.path}' is another device by now; it is not written.`);
  }
  return {
    path: card.path,
    bytes: card.bytes,
    async write(bytes, at) {
      let done = 0;
      while (done < bytes.length) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
        if (bytesWritten === 0) throw new Error("the device takes no more bytes");
        done += bytesWritten;
      }
    },
    async read(length, at) {
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await file.read(buffer, 0, length, at);
      return buffer.subarray(0, bytesRead);
    },
    flush: () => file.sync(),
    readBack: (length, signal) => readDirect(card.path, length, signal),
    async [Symbol.asyncDispose]() {
      await file.close().catch(() => undefined);
    },
  };
}

const directBlock = 4 * 1024 * 1024;

/** By dd(1), since direct reads need memory at an aligned address, which Node cannot give (open(2), O_DIRECT). */
async function* readDirect(
  path: string,
  length: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  // What the host remembers of it goes first (blockdev(8), BLKFLSBUF); a user without that right has direct reads alone.
  // It lies in a folder that the PATH of an ordinary user on Debian does not name.
  await attemptCommand("blockdev", ["--flushbufs", path], { signal, timeoutMs: 60_000 }).catch(
    (error: unknown) => {
      if (signal.aborted || !(error instanceof HostUnfit)) throw error;
    },
  );
  const count = Math.ceil(length / directBlock);
  const dd = [
    "dd",
    `if=${path}`,
    "iflag=direct",
    `bs=${directBlock}`,
    `count=${count}`,
    "status=none",
  ];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...dd], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, LC_ALL: "C" },
    signal,
  });
  let errors = "";
  child.stderr.on("data", (bytes: Buffer) => {
    errors = (errors + bytes.toString("latin1")).slice(-500);
  });
  const closed = new Promise<number | null>((resolve) => {
    child.once("close", resolve);
    child.once("error", () => resolve(null));
  });
  let left = length;
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      yield chunk.subarray(0, Math.min(chunk.length, left));
      left -= Math.min(chunk.length, left);
    }
    const code = await closed;
    signal.throwIfAborted();
    if (code !== 0 || left > 0)
      throw new MachineFault(`The card '${path}' cannot be read back.`, {
        details: { said: errors.trim() || `${left} bytes are missing` },
      });
  } finally {
    child.kill("SIGKILL");
    await closed;
  }
}
