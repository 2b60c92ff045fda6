/**
 * The serial port of a domain: it connects to a port of the loopback, where a program of its own writes all that comes
 * into the console's file. The harness itself is too slow a reader: an emulated port drops what is not taken at once, and a
 * kernel waits 10 ms for it. A file that libvirt writes would be cut at 2 MiB and be root's (virtlogd.conf, max_size).
 */
import { appendFile, open } from "node:fs/promises";
import { MachineFault, UsageError } from "../../base/errors.ts";
import { freePort } from "../../base/free-port.ts";
import { startProcess } from "../../base/process.ts";
import { maxTypedBytes } from "../qemu/console-port.ts";
import { exitDetails } from "../qemu/qemu-process.ts";

/** What the guest has not read of what was typed may be this much beside what the kernel keeps. */
const maxUnread = 64 * 1024;

export interface ConsoleRelay extends AsyncDisposable {
  readonly port: number;
  /** Hands text to the guest, without waiting for it. Throws MachineFault where it leaves unread what was typed before. */
  type(text: string): void;
  /** Throws away what the guest says from now on, and says so in the file. */
  mute(): Promise<void>;
}

/** Listens for the serial port of a domain that is about to start. Throws MachineFault where it cannot. */
export async function openConsoleRelay(path: string, command = "nc"): Promise<ConsoleRelay> {
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
      if (/listening on/i.test(said)) heard();
    },
  });
  await file.close();
  const early = child.exited.then((facts): never => {
    throw new MachineFault("The host's command 'nc' does not listen for a console.", {
      details: exitDetails(facts),
    });
  });
  early.catch(() => undefined);
  await Promise.race([listens, early]);
  let isMuted = false;
  return {
    port,
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
      // It ends by itself once both sides have, and has written all by then.
      child.input?.end();
      const late = new Promise<void>((resolve) => setTimeout(resolve, 2000).unref());
      await Promise.race([child.exited, late]);
      await child.kill();
    },
  };
}
