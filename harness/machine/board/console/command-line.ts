/** A program as a console: what it prints is the console, what it reads is typed. It ends with the harness (setpriv(1)). */

import { spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { HostUnfit, messageOf, quoting } from "../../../base/errors.ts";
import type { ConsoleConfigOf } from "../config-console.ts";
import type { LineListener, OpenLine } from "./line.ts";

/** Starts the program. Throws HostUnfit where it is not there, or ends at once. */
export async function openCommand(
  { run }: ConsoleConfigOf<"command">,
  { onBytes }: LineListener,
  signal: AbortSignal,
): Promise<OpenLine> {
  signal.throwIfAborted();
  const [name = ""] = run;
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...run], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let errors = "";
  let said = "";
  child.stderr.on("data", (bytes: Buffer) => {
    errors = (errors + bytes.toString("latin1")).slice(-500);
  });
  child.stdout.on("data", (bytes: Buffer) => {
    if (said.length < 200) said += bytes.toString("latin1", 0, 200);
    onBytes(bytes);
  });
  // Told by `ended` and by the callback of a write.
  child.stdin.on("error", () => undefined);
  const started = new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  const ended = new Promise<string>((resolve) => {
    child.once("close", (code, by) => {
      const why = code === null ? `by ${by}` : `with exit code ${code}`;
      const words = plain(errors);
      resolve(`its program ended ${why}${words === "" ? "" : ` and said: ${words.slice(-200)}`}`);
    });
    child.once("error", (error) => resolve(messageOf(error)));
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  try {
    await started;
  } catch (cause) {
    throw new HostUnfit("The host does not have the command 'setpriv' (package util-linux).", {
      cause,
    });
  }
  const early = await Promise.race([ended, pause(200, null, { ref: false })]);
  if (early !== null) {
    // setpriv ends with 127 where it cannot find the program (setpriv(1)).
    if (said === "" && child.exitCode === 127)
      throw new HostUnfit(`The host has no command '${name}'.`, { details: { said: early } });
    throw new HostUnfit(quoting`The console command '${name}' ended at once: ${early}.`, {
      details: { output: plain(said) || undefined },
    });
  }
  return {
    ended,
    send: (bytes) =>
      new Promise<void>((resolve, reject) => {
        child.stdin.write(bytes, (error) => (error == null ? resolve() : reject(error)));
      }),
    [Symbol.asyncDispose]: kill,
  };
}

const plain = (text: string): string => text.replace(/[^\x20-\x7e]+/g, " ").trim();
