/**
 * The first question over a new connection, whichever way it goes: which boot is this? Its answer has a shape that
 * nothing else has, so it also shows a login shell whose start-up files print into every command's output.
 */
import { CommandFailed, ExpectationFailed } from "../base/errors.ts";
import { bootIdPath, commands } from "./commands.ts";
import { excerptEnd, excerptStart } from "./excerpt.ts";
import { DelimitedShell } from "./ssh/delimited-shell.ts";
import type { ExecLimits, ExecOutcome, Transport } from "./transport.ts";

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
}

const bootIdShape = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\r?\n?$/;

/** Without starting a program where the transport can. */
const askBootId = (
  transport: Transport,
  limits: Pick<ExecLimits, "timeoutMs" | "maxBytes" | "signal">,
): Promise<ExecOutcome> =>
  transport.firstLine?.(bootIdPath, limits) ?? transport.exec(commands.bootId, limits);

/** Asked over the connection that stands: a boot that is gone cannot answer there. Rejects with the abort reason. */
export async function isSameBoot(
  transport: Transport,
  bootId: string,
  limits: Pick<AskOptions, "timeoutMs" | "signal">,
): Promise<boolean> {
  const { stdout } = await askBootId(transport, { ...limits, maxBytes: 1000 });
  return bootIdShape.test(stdout) && stdout.trim() === bootId;
}

/**
 * Asks for the boot ID and returns the transport to use from now on. Throws ExpectationFailed or CommandFailed when the
 * guest's kernel has none, a plain Error when the question was lost or took too long, or the abort reason.
 */
export async function askBoot(transport: Transport, options: AskOptions): Promise<Reached> {
  const first = await ask(transport, options);
  // Only a login shell of SSH may be one that prints; the others' first words are their own shell's, whatever it warns of.
  const isQuiet = first.stderr === "" || transport.kind !== "ssh";
  if (first.exitCode === 0 && isQuiet && bootIdShape.test(first.stdout))
    return { transport, bootId: first.stdout.trim() };
  if (transport.kind !== "ssh" || transport instanceof DelimitedShell)
    throw notABoot(first, options);
  const delimited = new DelimitedShell(transport);
  const second = await ask(delimited, options);
  if (second.exitCode === 0 && bootIdShape.test(second.stdout))
    return { transport: delimited, bootId: second.stdout.trim() };
  throw notABoot(first, options);
}

async function ask(transport: Transport, { timeoutMs, signal }: AskOptions): Promise<ExecOutcome> {
  const outcome = await askBootId(transport, { timeoutMs, maxBytes: 256 * 1024, signal });
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
