/**
 * The serial port of a domain: it connects to a port of the loopback, where a program of its own writes all that comes
 * into the console's file. The harness itself is too slow a reader: an emulated port drops what is not taken at once, and a
 * kernel waits 10 ms for it. A file that libvirt writes would be cut at 2 MiB and be root's (virtlogd.conf, max_size).
 */
import { appendFile, open } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { MachineFault, UsageError } from "../../base/errors.ts";
import { freePort } from "../../base/free-port.ts";
import { type OwnedProcess, startProcess } from "../../base/process.ts";
import { untilAborted } from "../../base/until-aborted.ts";
import { maxTypedBytes } from "../qemu/console-port.ts";
import { exitDetails } from "../qemu/qemu-process.ts";

/** What the guest has not read of what was typed may be this much beside what the kernel keeps. */
const maxUnread = 64 * 1024;

export interface ConsoleRelay extends AsyncDisposable {
  readonly port: number;
  /** Hands text to the guest, without waiting for it. Throws MachineFault where it leaves unread what was typed before. */
  type(text: string): void;
  /** Rejects with MachineFault when what writes the console's file ends although nobody asked it to; never resolves. */
  readonly died: Promise<never>;
  /** Throws away what the guest says from now on, and says so in the file. */
  mute(): Promise<void>;
}

/** The program ends with its domain, too, which is told by another way a moment later. Milliseconds. */
const toldLaterMs = 5000;

export interface RelayOptions {
  /** How long the program may take to listen. Milliseconds. */
  readonly greetingMs: number;
  readonly signal: AbortSignal;
  /** Default `nc`. */
  readonly command?: string;
}

/** Starts the program, which appends to the file at `path`, and returns once it listens. */
async function listen(
  path: string,
  { greetingMs, signal, command }: Required<RelayOptions>,
): Promise<{ readonly port: number; readonly child: OwnedProcess }> {
  const port = await freePort();
  const file = await open(path, "a", 0o600);
  let heard: () => void = () => undefined;
  const listens = new Promise<void>((resolve) => {
    heard = resolve;
  });
  let said = "";
  // OpenBSD's nc says "Listening on", nmap's "Ncat: Listening on".
  const child = startProcess(command, ["-v", "-n", "-l", "127.0.0.1", String(port)], {
    hasInput: true,
    outputFile: file.fd,
    onError: (text) => {
      said = (said + text).slice(-1000);
      // Another port than the one that was asked for is what a netcat without this way of naming it takes.
      if (new RegExp(`listening on .*\\b${port}\\b`, "i").test(said)) heard();
    },
  });
  await file.close();
  const early = child.exited.then((facts): never => {
    throw new MachineFault("The host's command 'nc' does not listen for a console.", {
      details: exitDetails(facts),
    });
  });
  early.catch(() => undefined);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(greetingMs)]);
  const late = untilAborted(listens, limit).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new MachineFault("The host's command 'nc' does not tell that it listens for a console.", {
      cause: error,
      details: {
        said: said.trim() || "nothing",
        install: "apt install netcat-openbsd, or dnf install nmap-ncat",
      },
    });
  });
  try {
    await Promise.race([late, early]);
  } catch (error) {
    await child.kill();
    throw error;
  }
  return { port, child };
}

/** Listens for the serial port of a domain that is about to start. Throws MachineFault where it cannot, or the abort reason. */
export async function openConsoleRelay(
  path: string,
  { greetingMs, signal, command = "nc" }: RelayOptions,
): Promise<ConsoleRelay> {
  const { port, child } = await listen(path, { greetingMs, signal, command });
  let isMuted = false;
  let isEnding = false;
  const died = child.exited.then(async (facts): Promise<never> => {
    await pause(toldLaterMs, undefined, { ref: false });
    if (isEnding || isMuted) return new Promise<never>(() => undefined);
    throw new MachineFault("What takes a machine's console has ended.", {
      details: exitDetails(facts),
    });
  });
  died.catch(() => undefined);
  return {
    port,
    died,
    type(text) {
      const bytes = Buffer.from(text);
      if (bytes.length > maxTypedBytes)
        throw new UsageError(`More than ${maxTypedBytes} bytes cannot be typed at once.`);
      if (isMuted)
        throw new MachineFault("The console log is full, so its serial port was cut off.");
      if (!child.isRunning() || child.input === null)
        throw new MachineFault("The serial port is not connected.");
      if (child.input.writableLength + bytes.length > maxUnread)
        throw new MachineFault("The guest leaves unread what was typed at its serial port.");
      child.input.write(bytes);
    },
    async mute() {
      isMuted = true;
      await child.kill();
      const note = "\n[bootgate: the console log ends here, it has reached its limit]\n";
      await appendFile(path, note).catch(() => undefined);
    },
    async [Symbol.asyncDispose]() {
      isEnding = true;
      // It ends by itself once both sides have, and has written all by then.
      child.input?.end();
      await Promise.race([child.exited, pause(2000, undefined, { ref: false })]);
      await child.kill();
    },
  };
}
