/** An interactive shell in the guest, for people: `bootgate shell` and `--pause-on-failure`. */
import type { Readable, Writable } from "node:stream";
import ssh2 from "ssh2";
import { GuestLost } from "../base/errors.ts";
import type { SshAddress } from "../machine/machine.ts";
import type { SshKey } from "./ssh/ssh-key.ts";

export interface ShellOptions {
  readonly address: SshAddress;
  readonly key: SshKey;
  readonly signal: AbortSignal;
  /** A terminal is put into raw mode while the shell lasts. */
  readonly input: Readable & { isTTY?: boolean; setRawMode?(on: boolean): unknown };
  readonly output: Writable & { columns?: number; rows?: number };
}

/** Opens a shell and returns when it has ended. Throws GuestLost when the guest does not let us in, or the abort reason. */
export async function openGuestShell(options: ShellOptions): Promise<void> {
  const { address, key, signal, input, output } = options;
  signal.throwIfAborted();
  const client = new ssh2.Client();
  try {
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      client.on("error", (cause) =>
        reject(new GuestLost(`The shell was lost: ${cause.message}.`, { cause })),
      );
      client.on("close", resolve);
      client.on("ready", () => {
        const size = {
          cols: output.columns ?? 80,
          rows: output.rows ?? 24,
          term: "xterm-256color",
        };
        client.shell(size, (error, channel) => {
          if (error !== undefined)
            return reject(new GuestLost(`The shell did not start: ${error.message}.`));
          input.setRawMode?.(true);
          input.pipe(channel);
          channel.pipe(output, { end: false });
          channel.stderr.pipe(output, { end: false });
          const onResize = (): void =>
            channel.setWindow(output.rows ?? 24, output.columns ?? 80, 0, 0);
          output.on("resize", onResize);
          channel.on("close", () => {
            output.off("resize", onResize);
            input.unpipe(channel);
            resolve();
          });
        });
      });
      client.connect({ ...address, username: "root", privateKey: key.privateKey });
    });
  } finally {
    if (input.isTTY === true) input.setRawMode?.(false);
    input.pause();
    client.end();
  }
}
