/** A serial adapter of this host, by the library `serialport` (its Linux binding locks the port for us alone: flock(2), TIOCEXCL). */
import { readdir, readFile, readlink, realpath } from "node:fs/promises";
import { SerialPort } from "serialport";
import { HostUnfit, messageOf } from "../../../base/errors.ts";
import type { ConsoleConfigOf } from "../config-console.ts";
import type { LineListener, OpenLine } from "./line.ts";

/** Opens the adapter at its speed, 8 data bits, no parity, no flow control. Throws HostUnfit with what to do. */
export async function openSerial(
  { device, baud }: ConsoleConfigOf<"serial">,
  { onBytes }: LineListener,
  signal: AbortSignal,
): Promise<OpenLine> {
  signal.throwIfAborted();
  const port = new SerialPort({ path: device, baudRate: baud, autoOpen: false, lock: true });
  const ended = new Promise<string>((resolve) => {
    port.once("close", (error: Error | null) =>
      resolve(error === null ? "it was closed" : "it was unplugged"),
    );
  });
  // Errors of a port that is open are followed by its close.
  port.on("error", () => undefined);
  port.on("data", (bytes: Buffer) => onBytes(bytes));
  try {
    await new Promise<void>((resolve, reject) => {
      port.open((error) => (error === null ? resolve() : reject(error)));
    });
  } catch (cause) {
    throw await unusable(device, baud, cause);
  }
  const close = async (): Promise<void> => {
    if (!port.isOpen) return;
    await new Promise<void>((resolve) => port.close(() => resolve()));
  };
  return {
    ended,
    send: (bytes) =>
      new Promise<void>((resolve, reject) => {
        port.write(Buffer.from(bytes), (error) => (error == null ? resolve() : reject(error)));
      }),
    [Symbol.asyncDispose]: close,
  };
}

async function unusable(device: string, baud: number, cause: unknown): Promise<HostUnfit> {
  const words = messageOf(cause);
  if (/No such file/i.test(words))
    return new HostUnfit(`The serial adapter '${device}' is not there.`, {
      cause,
      details: { "to do": "plug it in; 'ls -l /dev/serial/by-id/' shows those that are" },
    });
  if (/Permission denied|EACCES/i.test(words))
    return new HostUnfit(`This user may not use the serial adapter '${device}'.`, {
      cause,
      details: {
        "to do":
          'sudo usermod -aG dialout $USER (Debian, Fedora; on Arch the group is uucp), then log out and in again; or a udev rule with TAG+="uaccess"',
      },
    });
  if (/Cannot lock|temporarily unavailable|busy/i.test(words))
    return new HostUnfit(`The serial adapter '${device}' is in use.`, {
      cause,
      details: {
        "used by": (await holdersOf(device)).join(", ") || "a program that this user cannot see",
        "to do": "end that program: two readers of a line share its bytes",
      },
    });
  return new HostUnfit(`The serial adapter '${device}' cannot be opened at ${baud} baud.`, {
    cause,
    details: { reason: words.slice(0, 300) },
  });
}

/** Programs that have the device open, as far as this user may see them (proc(5), /proc/PID/fd). */
export async function holdersOf(device: string): Promise<readonly string[]> {
  const path = await realpath(device).catch(() => device);
  const holders: string[] = [];
  for (const pid of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const file of files) {
      if ((await readlink(`/proc/${pid}/fd/${file}`).catch(() => "")) !== path) continue;
      const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "?");
      holders.push(`${name.trim()} (process ${pid})`);
      break;
    }
  }
  return holders;
}
