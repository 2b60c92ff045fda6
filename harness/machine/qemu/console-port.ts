/**
 * The serial port as QEMU's monitor can change it. QEMU writes what it says into the console's file, which always takes the
 * next byte. When something is typed first, a named pipe is put beside that file as its input (`in` of ChardevFile, QEMU
 * docs/interop/qemu-qmp-ref), so a machine that nobody types to is the same as ever, and so is its template.
 */
import { constants } from "node:fs";
import { appendFile, type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { MachineFault, UsageError } from "../../base/errors.ts";
import { runCommand } from "../../base/process.ts";
import type { QmpClient } from "./qmp.ts";

type Monitor = Pick<QmpClient, "execute">;

/** A write of so many bytes to a pipe is whole or not at all (PIPE_BUF, pipe(7)). */
export const maxTypedBytes = 4096;
/** Budget of one answer of the monitor, in milliseconds. */
const answerMs = 10_000;

export interface ConsolePortPlaces {
  /** A private folder of the machine; the pipe lies in it. */
  readonly folder: string;
  /** The console's file, to which QEMU appends. */
  readonly consoleFile: string;
}

export class ConsolePort {
  readonly #places: ConsolePortPlaces;
  readonly #pipePath: string;
  #pipe: FileHandle | null = null;
  /** The QEMU that reads the pipe, by its monitor. */
  #reader: Monitor | null = null;
  #isMuted = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(places: ConsolePortPlaces) {
    this.#places = places;
    this.#pipePath = join(places.folder, "typed");
  }

  /**
   * Hands text to the QEMU behind `monitor`, in the order of the calls. It never waits for the guest. Throws MachineFault when
   * the guest has left unread what was typed before (64 KiB, pipe(7)), and UsageError for more than `maxTypedBytes` at once.
   */
  type(text: string, monitor: Monitor): Promise<void> {
    return this.#inTurn(() => this.#type(Buffer.from(text), monitor));
  }

  /** QEMU throws away what the port says from now on, and the log ends with a note; the guest sees no difference. Never throws. */
  mute(monitor: Monitor | undefined): Promise<void> {
    const note = "\n[bootgate: the console log ends here, it has reached its limit]\n";
    return this.#inTurn(async () => {
      this.#isMuted = true;
      await monitor
        ?.execute("chardev-change", backend("null", {}), AbortSignal.timeout(answerMs))
        .catch(() => undefined);
      await appendFile(this.#places.consoleFile, note).catch(() => undefined);
    });
  }

  /** Lets go of the pipe once QEMU has ended: what its guest did not read is not for the next one. Never throws. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#pipe?.close().catch(() => undefined);
      this.#pipe = null;
      this.#reader = null;
      await rm(this.#pipePath, { force: true }).catch(() => undefined);
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #type(bytes: Buffer, monitor: Monitor): Promise<void> {
    if (bytes.length > maxTypedBytes)
      throw new UsageError(`More than ${maxTypedBytes} bytes cannot be typed at once.`);
    if (this.#isMuted)
      throw new MachineFault("The console log is full, so its serial port was cut off.");
    const pipe = await this.#joined(monitor);
    try {
      await pipe.write(bytes);
    } catch (cause) {
      throw new MachineFault("The guest leaves unread what was typed at its serial port.", {
        cause,
      });
    }
  }

  /** Joins pipe and port. No byte of the port is lost: QEMU's processors wait while the monitor is at work. */
  async #joined(monitor: Monitor): Promise<FileHandle> {
    if (this.#pipe === null) {
      await runCommand("mkfifo", ["-m", "600", "--", this.#pipePath]);
      // Both ends: QEMU's opening would wait for one that writes, and an input that has ended once is not read again.
      this.#pipe = await open(this.#pipePath, constants.O_RDWR | constants.O_NONBLOCK);
    }
    if (this.#reader !== monitor) {
      const data = { in: this.#pipePath, out: this.#places.consoleFile, append: true };
      await monitor.execute("chardev-change", backend("file", data), AbortSignal.timeout(answerMs));
      this.#reader = monitor;
    }
    return this.#pipe;
  }
}

const backend = (type: string, data: object) => ({ id: "console", backend: { type, data } });
