/** Brings an image to a board: made a raw disk, marked, written to the card or handed to the lab's own program, and proved where that can be. */
import { open } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { HostUnfit, MachineFault, UsageError } from "../../base/errors.ts";
import { exists } from "../../base/exists.ts";
import { fileStamp } from "../../base/file-stamp.ts";
import { attemptCommand, runCommand } from "../../base/process.ts";
import { startLimit } from "../../base/stoppable-limit.ts";
import { formatBytes, formatDuration } from "../../base/units.ts";
import { untilAborted } from "../../base/until-aborted.ts";
import type { Disk } from "../machine.ts";
import { type CardNonce, newNonce, nonceSector, placeForNonce } from "./card/card-nonce.ts";
import { type CardStore, openCard } from "./card/card-store.ts";
import { type CardWish, proveCard } from "./card/prove-card.ts";
import { writeCard } from "./card/write-card.ts";
import type { Board } from "./config.ts";
import { writePlace } from "./labgrid/place.ts";
import { offTheClock } from "./person/ask-person.ts";
import type { Person } from "./person/person.ts";

export type ImageDisk = Extract<Disk, { kind: "overlay" }>;

/** Opens the card that a board's description names, once it is proved to be it. `ownFiles`: folders of this run. */
export type CardOpener = (
  wish: CardWish,
  ownFiles: readonly string[],
  how: { readonly waits: boolean; readonly signal: AbortSignal },
) => Promise<CardStore>;

export interface PutOptions {
  readonly board: Board;
  readonly disk: ImageDisk;
  /** A folder of the run, for a raw copy. */
  readonly folder: string;
  readonly person: Person | null;
  readonly openCard: CardOpener;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Waits until the card shows up, which a switch for it takes a moment for. */
export const openProvedCard: CardOpener = async (wish, ownFiles, { waits, signal }) => {
  if (waits) await appear(wish.device, signal);
  return openCard(await proveCard(wish, ownFiles));
};

/** A card that was connected shows up as a device a moment later. Milliseconds. */
const appearMs = 30_000;
const moveMs = 60_000;
const headBytes = 8 * 1024 * 1024;

/** Returns the mark that the booted system has to show; null where the image has no room for one. Throws UsageError for the image, HostUnfit and MachineFault for the rest. */
export async function putImage(options: PutOptions): Promise<CardNonce | null> {
  const { board, disk, person, signal } = options;
  const limitMs = board.limits.writeMinutes * 60_000;
  using limit = startLimit(limitMs, () => new Error("too long"));
  const both = AbortSignal.any([signal, limit.signal]);
  const asked = person === null ? null : offTheClock(person, () => limit.pause());
  await checkImage(disk);
  try {
    if (!("device" in board.storage)) return await writeByProgram({ ...options, signal: both });
    const raw = await rawImage({ ...options, signal: both });
    return await writeByCard({ ...options, person: asked, signal: both }, { raw, outer: signal });
  } catch (cause) {
    signal.throwIfAborted();
    if (!limit.signal.aborted) throw cause;
    throw new MachineFault(
      `The image did not come to board '${board.name}' within ${formatDuration(limitMs)}.`,
      { cause, details: { "to do": "give 'writeMinutes' in boards.yaml more time" } },
    );
  }
}

/** Throws UsageError where the file is not what was resolved. */
async function checkImage({ backingFile, stamp }: ImageDisk): Promise<void> {
  if (!(await exists(backingFile)))
    throw new UsageError(`The disk '${backingFile}' does not exist.`);
  if (stamp !== undefined && stamp !== (await fileStamp(backingFile)))
    throw new UsageError(`The disk '${backingFile}' has changed since its digest was taken.`);
}

/** The image as a raw disk: the file itself where it is one. Holes stay holes. */
async function rawImage({ disk, folder, signal }: PutOptions, always = false): Promise<string> {
  if (disk.backingFormat === "raw" && !always) return disk.backingFile;
  const path = join(folder, "image.raw");
  const from = ["-f", disk.backingFormat, "-O", "raw", resolve(disk.backingFile), path];
  await runCommand("qemu-img", ["convert", ...from], { signal });
  return path;
}

async function writeByProgram(options: PutOptions): Promise<CardNonce | null> {
  const { board, signal, onProgress } = options;
  const { storage, labgrid, limits } = board;
  if (storage.by !== "command" && storage.by !== "labgrid")
    throw new TypeError("The board is not written by a program.");
  // A copy in any case: the mark is set in it.
  const raw = await rawImage(options, true);
  const { nonce, bytes } = await markFile(raw);
  if (storage.by === "labgrid") {
    if (labgrid === undefined) throw new TypeError("The board does not have a labgrid place.");
    onProgress(`board ${board.name}: labgrid writes ${formatBytes(bytes)}`);
    await writePlace(labgrid, raw, { signal, timeoutMs: limits.writeMinutes * 60_000 });
    return nonce;
  }
  const words = storage.write.map((word) =>
    word.replaceAll("{image}", raw).replaceAll("{bytes}", String(bytes)),
  );
  onProgress(`board ${board.name}: '${basename(words[0] ?? "")}' writes ${formatBytes(bytes)}`);
  await act(board, words, "write its image", signal);
  return nonce;
}

async function markFile(path: string): Promise<{ nonce: CardNonce | null; bytes: number }> {
  await using file = await open(path, "r+");
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
  const place = placeForNonce(buffer.subarray(0, bytesRead));
  if (place === null) return { nonce: null, bytes: size };
  const nonce = newNonce(place);
  const sector = nonceSector(nonce);
  await file.write(sector, 0, sector.length, place);
  return { nonce, bytes: size };
}

async function writeByCard(
  options: PutOptions,
  { raw, outer }: { readonly raw: string; readonly outer: AbortSignal },
): Promise<CardNonce | null> {
  const { board, folder, signal, onProgress } = options;
  if (!("device" in board.storage)) throw new TypeError("The board has no card.");
  const { device, size } = board.storage;
  const told = progressOf(board.name, onProgress);
  await moveCard(options, "host", outer);
  try {
    const wish = { board: board.name, device, size };
    const how = { waits: board.storage.by === "mux", signal };
    await using card = await options.openCard(wish, [folder], how);
    const { nonce } = await writeCard({
      ...{ image: raw, board: board.name, card, signal },
      onProgress: told,
    });
    return nonce;
  } finally {
    // A card that failed goes back as well, so that the next run finds all as it was.
    if (!outer.aborted) await moveCard(options, "board", outer);
  }
}

async function moveCard(
  { board, person, onProgress }: PutOptions,
  to: "host" | "board",
  signal: AbortSignal,
): Promise<void> {
  const { storage, name, place, limits } = board;
  if (!("device" in storage)) return;
  if (storage.by === "mux") {
    const words = to === "host" ? storage.toHost : storage.toBoard;
    return act(board, words, `connect its card to the ${to}`, signal, moveMs);
  }
  if (person === null)
    throw new HostUnfit(
      `The card of board '${name}' is moved by a person, and nobody can be asked.`,
      {
        details: { "to do": "run on a terminal" },
      },
    );
  const what =
    to === "host"
      ? `Put the card of board '${name}' into the reader of this host.`
      : `Put the card back into board '${name}'.`;
  onProgress(`board ${name}: somebody is asked to move its card`);
  await person.ask({ board: name, place, what, timeoutMs: limits.personMinutes * 60_000 }, signal);
}

async function appear(device: string, signal: AbortSignal): Promise<void> {
  const end = performance.now() + appearMs;
  // What opens it tells best that it is not there.
  while (!(await exists(device)) && performance.now() < end)
    await pause(200, undefined, { signal });
}

/** Runs a program of the lab. Its arguments are not told: a password may stand in them. */
async function act(
  { name }: Board,
  words: readonly string[],
  what: string,
  signal: AbortSignal,
  timeoutMs?: number,
): Promise<void> {
  const [file = "", ...args] = words;
  const limits = { signal, endSignal: "SIGKILL" as const };
  const timed = timeoutMs === undefined ? limits : { ...limits, timeoutMs };
  const run = attemptCommand(file, args, timed).catch((error: unknown) => {
    if (error instanceof HostUnfit) throw new HostUnfit(error.headline);
    throw error;
  });
  const { exitCode, stdout, stderr } = await untilAborted(run, signal);
  if (exitCode === 0) return;
  throw new MachineFault(
    `The program '${file}' did not ${what} for board '${name}': exit code ${exitCode}.`,
    { details: { said: (stderr || stdout).slice(-500) || undefined } },
  );
}

/** Tells every tenth part. */
function progressOf(
  board: string,
  say: (line: string) => void,
): (phase: "write" | "read", part: number) => void {
  let last = "";
  return (phase, part) => {
    const tenth = `${phase} ${Math.floor(part * 10)}0%`;
    if (tenth === last) return;
    last = tenth;
    say(
      `board ${board}: card ${phase === "write" ? "written" : "read back"} to ${tenth.split(" ")[1]}`,
    );
  };
}
