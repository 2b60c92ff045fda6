/** What readers of a guest need of it: to run a command line. They share the wording of what goes wrong. */

import type { z } from "zod";
import { CommandFailed, ExpectationFailed } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";
import type { CommandLimits, CommandResult } from "./command.ts";
import { shownCommand } from "./commands.ts";
import { excerptEnd, excerptStart } from "./excerpt.ts";

export interface GuestIo {
  readonly name: string;
  /** 1 with hardware acceleration; limits are stretched by it. */
  readonly timeScale: number;
  /** Where a person should look: the console log. */
  readonly lookAt: string;
  /** Runs a finished command line, with limits of its own, and returns how it ended. */
  exec(
    command: string,
    limits?: CommandLimits & { readonly input?: string },
  ): Promise<CommandResult>;
}

/** The result when the command succeeded, else throws CommandFailed with the end of what it said. */
export function requireSuccess(
  io: Pick<GuestIo, "name" | "lookAt">,
  result: CommandResult,
): CommandResult {
  if (result.exitCode === 0) return result;
  const command = excerptStart(shownCommand(result.command), 200);
  const how = result.truncated
    ? `printed more than its limit (${formatBytes(Buffer.byteLength(result.stdout) + Buffer.byteLength(result.stderr))} kept) and was ended`
    : result.exitCode === null
      ? "was ended by a signal"
      : `ended with exit code ${result.exitCode}`;
  throw new CommandFailed(`'${command}' in guest '${io.name}' ${how}.`, {
    details: {
      stderr: result.stderr === "" ? undefined : excerptEnd(result.stderr, 2000),
      stdout: result.stdout === "" ? undefined : excerptEnd(result.stdout, 1000),
    },
    lookAt: io.lookAt,
  });
}

/** Runs a command that has to succeed. */
export async function mustExec(
  io: GuestIo,
  command: string,
  limits: CommandLimits & { readonly input?: string } = {},
): Promise<CommandResult> {
  return requireSuccess(io, await io.exec(command, limits));
}

/** Reads a command's JSON by a schema. Throws ExpectationFailed that names the command and quotes at most 300 characters. */
export function parseJson<Schema extends z.ZodType>(
  schema: Schema,
  source: { readonly command: string; readonly guest: string },
  text: string,
): z.output<Schema> {
  const fail = (why: string): never => {
    throw new ExpectationFailed(
      `'${shownCommand(source.command)}' in guest '${source.guest}' did not print the JSON it should.`,
      { details: { why, got: excerptStart(text, 300) || "nothing" } },
    );
  };
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return fail("it is not JSON");
  }
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, 5);
  return fail(
    issues.map(({ path, message }) => `${path.join(".") || "(top)"}: ${message}`).join("\n"),
  );
}
