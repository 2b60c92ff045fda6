/** A login over a console that is played, and the transport on it. */
import { rmSync } from "node:fs";
import { onTestFinished } from "vitest";
import { logIn, type SerialAccount } from "../../../harness/guest/serial/login.ts";
import { SerialTransport } from "../../../harness/guest/serial/serial-transport.ts";
import type { ExecLimits, ExecOutcome } from "../../../harness/guest/transport.ts";
import { PtyConsole, type PtyOptions } from "./pty-console.ts";

export const { signal } = new AbortController();
/** Of a host that many tests share. */
export const patience = 2;
export const serialLimits: ExecLimits = {
  timeoutMs: 45_000,
  maxBytes: 4 * 1024 * 1024,
  signal,
};
export const noPassword: SerialAccount = { user: "root", password: null };

export interface SerialScene extends AsyncDisposable {
  readonly console: PtyConsole;
  readonly transport: SerialTransport;
  readonly nonce: string;
  exec(command: string, limits?: Partial<ExecLimits>): Promise<ExecOutcome>;
}

/** Where the shell of a login may keep its files (`agent.ts`), by the login's own word. */
export const shellFolders = (nonce: string): string[] =>
  ["/run", "/tmp"].map((place) => `${place}/bootgate-serial.${nonce}`);

/** Throws an Error with what is on the console where no shell can be had. */
export async function connectSerial({
  scale = patience,
  ...options
}: PtyOptions & { readonly scale?: number } = {}): Promise<SerialScene> {
  const console = await new PtyConsole(options).spoken();
  const result = await logIn({ console, account: noPassword, scale, signal });
  if ("why" in result) {
    const { log } = console;
    await console[Symbol.asyncDispose]();
    throw new Error(`${result.why}\n${log}`);
  }
  const transport = new SerialTransport(result.line);
  const { nonce } = result.line;
  // A shell that a test kills cannot do it.
  onTestFinished(() => {
    for (const path of shellFolders(nonce)) rmSync(path, { recursive: true, force: true });
  });
  return {
    console,
    transport,
    nonce,
    exec: (command, limits = {}) => transport.exec(command, { ...serialLimits, ...limits }),
    async [Symbol.asyncDispose]() {
      transport.end();
      await console[Symbol.asyncDispose]();
    },
  };
}
