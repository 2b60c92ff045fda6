/** What is known of a board's health between runs: failed checks in a row, and whether it is set aside until a person clears it. */
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type BootgateError, HostUnfit, RunStopped, UsageError } from "../../../base/errors.ts";
import { exists } from "../../../base/exists.ts";
import { writeWhole } from "../../../base/write-whole.ts";
import { decodeText, readSmallFile } from "../../../config/read-small-file.ts";
import type { Board } from "../config.ts";
import { ActSkipped, NobodyActed } from "../person/person.ts";
import { boardFolder } from "./lease-place.ts";

const healthSchema = z.strictObject({
  /** Failed health checks in a row. */
  failures: z.number().int().min(0),
  /** Of the last check; milliseconds since 1970. */
  checked: z.number().nullable(),
  /** Why the last check failed; null where it passed. */
  reason: z.string().max(1000).nullable(),
  /** Set aside since; null where it may be used. */
  aside: z.number().nullable(),
});
export type BoardHealth = z.output<typeof healthSchema>;

const unknown: BoardHealth = { failures: 0, checked: null, reason: null, aside: null };

const fileOf = async (board: string): Promise<string> =>
  join(await boardFolder(board), "health.json");

/** Everybody has to be able to read it, whatever the umask of who writes it. */
async function write(board: string, health: BoardHealth): Promise<void> {
  const path = await fileOf(board);
  await writeWhole(path, `${JSON.stringify(health)}\n`);
  await chmod(path, 0o644);
}

/** What is known of the board may be that it is set aside; this user cannot tell. */
export class HealthHidden extends HostUnfit {}

/** What is known. Throws HostUnfit for a file that is damaged or hidden: a board of which nobody knows is not one to judge by. */
export async function readHealth(board: string): Promise<BoardHealth> {
  const path = await fileOf(board);
  if (!(await exists(path))) return unknown;
  try {
    const bytes = await readSmallFile(path, { what: "health of a board", maxBytes: 16_384 });
    return healthSchema.parse(JSON.parse(decodeText(bytes, path, "health of a board")));
  } catch (cause) {
    if (isForbidden(cause))
      throw new HealthHidden(
        `What is known of board '${board}' cannot be read: this user may not read '${path}'.`,
        { cause, details: { "to do": "let its owner run 'chmod a+r' on it" } },
      );
    throw new HostUnfit(`What is known of board '${board}' cannot be read: '${path}' is damaged.`, {
      cause,
      details: { "to do": `npm run -s bootgate -- boards clear ${board}` },
    });
  }
}

function isForbidden(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (error as NodeJS.ErrnoException).code === "EACCES" || isForbidden(error.cause);
}

/** Notes a health check. `failure` says why it failed, null that it passed. After `limit` in a row the board is set aside. By who has the board, or had it a moment ago. */
export async function noteHealth(
  board: string,
  failure: string | null,
  limit: number,
): Promise<BoardHealth> {
  const before = await readHealth(board);
  const failures = failure === null ? 0 : before.failures + 1;
  const now = Date.now();
  const after: BoardHealth = {
    failures,
    checked: now,
    reason: failure?.slice(0, 1000) ?? null,
    // One good check does not undo what a person has to look at.
    aside: before.aside ?? (failures >= limit ? now : null),
  };
  await write(board, after);
  return after;
}

/** Notes how a known-good image booted; null: it did. Returns false, and notes nothing, where this host, its user or a person is the reason: that says nothing of the board. */
export async function noteBoot(
  { name, health }: Board,
  fault: BootgateError | null,
): Promise<boolean> {
  const others = [HostUnfit, UsageError, RunStopped, NobodyActed, ActSkipped];
  if (health === undefined || others.some((kind) => fault instanceof kind)) return false;
  await noteHealth(name, fault?.headline ?? null, health.failures);
  return true;
}

/** A person says that the board may be used again. Throws UsageError where nothing was wrong with it, HealthHidden where this user cannot see what. */
export async function clearBoard(board: string): Promise<void> {
  const known = await readHealth(board).catch((error: unknown) => {
    if (error instanceof HealthHidden) throw error;
    return null;
  });
  if (known !== null && known.aside === null && known.failures === 0)
    throw new UsageError(`Board '${board}' is not set aside.`);
  await write(board, unknown);
}

/** Throws HostUnfit for a board that is set aside, with the reason. */
export async function refuseAside(board: string): Promise<void> {
  const { aside, failures, reason } = await readHealth(board);
  if (aside === null) return;
  throw new HostUnfit(
    `Board '${board}' is set aside since ${new Date(aside).toISOString().slice(0, 16).replace("T", " ")} UTC: ${failures} health checks failed in a row.`,
    {
      details: { last: reason ?? undefined, "to do": "look at it, then clear it" },
      lookAt: `npm run -s bootgate -- boards clear ${board}`,
    },
  );
}
