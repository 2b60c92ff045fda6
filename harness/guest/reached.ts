/**
 * The first question over a new connection, whichever way it goes: which boot is this? Its answer has a shape that
 * nothing else has, so it also shows a login shell whose start-up files print into every command's output.
 */
import { CannotTell, CommandFailed, ExpectationFailed } from "../base/errors.ts";
import { commands } from "./commands.ts";
import { excerptEnd, excerptStart } from "./excerpt.ts";
import { DelimitedShell } from "./ssh/delimited-shell.ts";
import type { ExecOutcome, Transport } from "./transport.ts";

/** A guest that answers, and the boot that does. */
export interface Reached {
  readonly transport: Transport;
  readonly bootId: string;
}

export interface AskOptions {
  /** Names the guest in messages. */
  readonly name: string;
  readonly lookAt: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Sets the guest's clock in the same breath: that of a fork stands where its template was frozen. */
  readonly setClock?: boolean;
}

const bootIdShape = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\r?\n?$/;

/** Asked over the connection that stands: a boot that is gone cannot answer there. Rejects with the abort reason. */
export async function isSameBoot(
  transport: Transport,
  bootId: string,
  limits: Pick<AskOptions, "timeoutMs" | "signal">,
): Promise<boolean> {
  const { stdout } = await transport.exec(commands.bootId, { ...limits, maxBytes: 1000 });
  return bootIdShape.test(stdout) && stdout.trim() === bootId;
}

/**
 * Asks for the boot ID and returns the transport to use from now on. Throws ExpectationFailed or CommandFailed when the
 * guest's kernel has none, a plain Error when the question was lost or took too long, or the abort reason.
 */
export async function askBoot(transport: Transport, options: AskOptions): Promise<Reached> {
  const first = await ask(transport, options);
  if (options.setClock === true && first.exitCode === clockFailed)
    throw clockRefused(first, options);
  if (first.exitCode === 0 && first.stderr === "" && bootIdShape.test(first.stdout))
    return { transport, bootId: first.stdout.trim() };
  if (transport.kind !== "ssh" || transport instanceof DelimitedShell)
    throw notABoot(first, options);
  const delimited = new DelimitedShell(transport);
  const second = await ask(delimited, options);
  if (second.exitCode === 0 && bootIdShape.test(second.stdout))
    return { transport: delimited, bootId: second.stdout.trim() };
  throw notABoot(first, options);
}

/** Exit code of the first question where the clock could not be set; no other part of it ends with it. */
const clockFailed = 97;

/** A fork's clock is set by the harness for its own sake, so a guest that does not let it is not to blame. */
export const clockRefused = (
  { stderr }: Pick<ExecOutcome, "stderr">,
  { name, lookAt }: Pick<AskOptions, "name" | "lookAt">,
): CannotTell =>
  new CannotTell(`The clock of guest '${name}' could not be set after it was forked.`, {
    details: {
      stderr: excerptEnd(stderr, 500) || undefined,
      instead: "--cold boots every guest, so that no clock has to be set",
    },
    lookAt,
  });

async function ask(
  transport: Transport,
  { timeoutMs, signal, setClock = false }: AskOptions,
): Promise<ExecOutcome> {
  const clock = commands.setClock(Math.round(Date.now() / 1000));
  const command = setClock
    ? `${clock} >/dev/null || exit ${clockFailed}; ${commands.bootId}`
    : commands.bootId;
  const outcome = await transport.exec(command, { timeoutMs, maxBytes: 256 * 1024, signal });
  if (outcome.lost !== null) throw new Error(`the first command was lost: ${outcome.lost}`);
  if (outcome.timedOut) throw new Error("logged in, but the first command did not end");
  return outcome;
}

const notOne = (stdout: string, { name, lookAt }: Pick<AskOptions, "name" | "lookAt">): Error =>
  new ExpectationFailed(`The boot ID of guest '${name}' is not one.`, {
    details: { got: excerptStart(stdout, 100) || "nothing" },
    lookAt,
  });

/** The boot ID that a command printed. Throws ExpectationFailed for anything else. */
export function bootIdOf(
  { stdout }: { readonly stdout: string },
  guest: Pick<AskOptions, "name" | "lookAt">,
): string {
  if (bootIdShape.test(stdout)) return stdout.trim();
  throw notOne(stdout, guest);
}

function notABoot({ exitCode, stdout, stderr }: ExecOutcome, options: AskOptions): Error {
  if (exitCode === 0) return notOne(stdout, options);
  const { name, lookAt } = options;
  return new CommandFailed(
    `'${commands.bootId}' in guest '${name}' ended with exit code ${exitCode}.`,
    { details: { stderr: excerptEnd(stderr, 1000) || undefined }, lookAt },
  );
}
