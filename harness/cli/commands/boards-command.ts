/** `bootgate boards`: who has which board, and what is known of its health. */

import { BootgateError } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import { untilAborted } from "../../base/until-aborted.ts";
import { oneLine } from "../../log/clean-text.ts";
import { type Board, boardNamed, loadBoards } from "../../machine/board/config.ts";
import { holderOf, releaseBoard, takeBoard } from "../../machine/board/lease/lease.ts";
import { holderWords } from "../../machine/board/lease/lease-words.ts";
import { type BoardHealth, clearBoard, readHealth } from "../../machine/board/lease/quarantine.ts";
import { onInterrupt } from "../terminal/interrupt.ts";

export interface BoardsOptions {
  readonly boards?: string;
  readonly json?: boolean;
}

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const timeOf = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace("T", " ");

/** Prints each board with who has it. */
export async function listBoards({ boards: named, json }: BoardsOptions): Promise<void> {
  const { boards } = await loadBoards(named);
  const rows = [];
  for (const board of boards) rows.push({ board, ...(await lookAt(board.name)) });
  if (json === true) {
    const plain = rows.map(({ board, holder, health, trouble }) => ({
      name: board.name,
      model: board.model,
      architecture: board.architecture,
      holder,
      health,
      trouble,
    }));
    print(JSON.stringify(plain, null, 2));
    return;
  }
  const width = Math.max(...rows.map(({ board }) => board.name.length));
  for (const { board, holder, health, trouble } of rows) {
    const who =
      holder === null ? "free" : `held by ${holderWords(holder === "unknown" ? null : holder)}`;
    const since = health?.aside ?? null;
    const aside = since === null ? "" : `; set aside since ${timeOf(since)} UTC`;
    print(`${board.name.padEnd(width)}  ${describe(board)}`);
    print(`${"".padEnd(width)}  ${trouble ?? `${who}${aside}`}`);
  }
}

/** Who has it and how it is. What cannot be told of one board must not hide the others. */
async function lookAt(board: string): Promise<{
  readonly holder: Awaited<ReturnType<typeof holderOf>>;
  readonly health: BoardHealth | null;
  readonly trouble: string | null;
}> {
  let holder: Awaited<ReturnType<typeof holderOf>> = "unknown";
  try {
    holder = await holderOf(board);
    return { holder, health: await readHealth(board), trouble: null };
  } catch (error) {
    if (!(error instanceof BootgateError)) throw error;
    return { holder, health: null, trouble: oneLine(error.headline, 300) };
  }
}

const describe = ({
  model,
  architecture,
  power,
  console,
  storage,
  network,
  place,
}: Board): string =>
  [
    `${model} (${architecture})`,
    ...(place === undefined ? [] : [oneLine(place, 100)]),
    `power ${power.by}, console ${console.by}, storage ${storage.by}, network ${network.by}`,
  ].join("; ");

/** Keeps a board until Ctrl-C or the end of its time. Throws as `takeBoard` does. */
export async function leaseBoard(
  name: string,
  { boards: named, for: lastsMs }: BoardsOptions & { readonly for: number },
): Promise<void> {
  const file = await loadBoards(named);
  const board = boardNamed(file, name);
  using interrupt = onInterrupt(() => say(`Switching board '${name}' off and freeing it.`));
  const { signal } = interrupt;
  const lease = await takeBoard({
    board,
    boardsPath: file.path,
    use: "by hand",
    lastsMs,
    signal,
    onWait: (holder) => say(`Board '${name}' is busy: ${holder} has it. Waiting.`),
  });
  try {
    say(`Board '${name}' is yours for ${formatDuration(lastsMs)}. Ctrl-C ends it.`);
    await untilAborted(lease.lost, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  } finally {
    await lease[Symbol.asyncDispose]();
    if (lease.leftOn !== null) say(`Board '${name}' was not switched off: ${lease.leftOn}`);
    if (lease.kept !== null) say(`The labgrid place of '${name}' is still yours: ${lease.kept}`);
  }
}

/** Ends somebody's lease. Throws as `releaseBoard` does. */
export async function releaseLease(name: string, { boards: named }: BoardsOptions): Promise<void> {
  boardNamed(await loadBoards(named), name);
  print(
    `Released board '${name}', which ${await releaseBoard(name)} had. It is being switched off.`,
  );
}

/** Prints what is known of a board's health. */
export async function tellHealth(
  name: string,
  { boards: named, json }: BoardsOptions,
): Promise<void> {
  boardNamed(await loadBoards(named), name);
  const health = await readHealth(name);
  if (json === true) return print(JSON.stringify(health, null, 2));
  const { checked, failures, reason, aside } = health;
  if (checked === null) return print(`Board '${name}' has not been checked.`);
  const last =
    reason === null ? "it passed" : `it failed (${failures} in a row): ${oneLine(reason, 300)}`;
  print(`Board '${name}' was checked last at ${timeOf(checked)} UTC; ${last}`);
  if (aside !== null)
    print(`It is set aside since ${timeOf(aside)} UTC, until 'boards clear ${name}'.`);
}

/** A person says that the board is well. Throws UsageError where nothing was wrong. */
export async function clearAside(name: string, { boards: named }: BoardsOptions): Promise<void> {
  boardNamed(await loadBoards(named), name);
  await clearBoard(name);
  print(`Board '${name}' may be used again.`);
}
