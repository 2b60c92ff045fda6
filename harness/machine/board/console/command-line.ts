/** A program as a console: what it prints is the console, what it reads is typed. It ends with the harness (setpriv(1)). */
import { spawn } from "node:child_process";
import { HostUnfit, messageOf } from "../../../base/errors.ts";
import type { ConsoleConfigOf } from "../config-console.ts";
import type { LineListener, OpenLine } from "./line.ts";

/** Starts the program. Throws HostUnfit where it is not there. */
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
  let said = 0;
  child.stderr.on("data", (bytes: Buffer) => {
    errors = (errors + bytes.toString("latin1")).slice(-500);
  });
  child.stdout.on("data", (bytes: Buffer) => {
    said += bytes.length;
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
      const words = errors.replace(/[^\x20-\x7e]+/g, " ").trim();
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
  // setpriv ends with 127 where it cannot find the program (setpriv(1)); one that lives on, or has spoken, is there.
  const early = await Promise.race([ended, pauseOf(200)]);
  if (early !== null && said === 0 && child.exitCode === 127)
    throw new HostUnfit(`The host has no command '${name}'.`, { details: { said: early } });
  return {
    ended,
    send: (bytes) =>
      new Promise<void>((resolve, reject) => {
        child.stdin.write(bytes, (error) => (error == null ? resolve() : reject(error)));
      }),
    [Symbol.asyncDispose]: kill,
  };
}

const pauseOf = (ms: number): Promise<null> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms, null).unref();
  });
