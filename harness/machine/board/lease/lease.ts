/** Leases: who has a board, by a lock that the kernel holds on one file of the host, and the end of each with the board switched off. */
import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
} from "node:fs";
import { extname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { HostUnfit, MachineFault, UsageError } from "../../../base/errors.ts";
import { packageRoot } from "../../../base/package-root.ts";
import { formatDuration } from "../../../base/units.ts";
import { userName } from "../../../base/user.ts";
import type { Board } from "../config.ts";
import { leaseFile } from "./lease-place.ts";
import {
  holderWords,
  type KeeperOrder,
  type KeeperWord,
  type LeaseFacts,
  parseLease,
} from "./lease-words.ts";

export interface LeaseOptions {
  readonly board: Board;
  /** The `boards.yaml` that describes it. */
  readonly boardsPath: string;
  /** What the board is used for, for others who want it: the directory of a run, or `by hand`. */
  readonly use: string;
  /** After this the board is switched off and free, whatever its holder does. Milliseconds. */
  readonly lastsMs: number;
  readonly signal: AbortSignal;
  /** Called once where somebody else has the board, with who and until when; the lease is then waited for. Absent: it is refused. */
  readonly onWait?: (holder: string) => void;
}

/** A board that is ours. Disposing switches it off and frees it; it never throws. */
export interface Lease extends AsyncDisposable {
  readonly board: string;
  /** Rejects with MachineFault when the lease has ended although nobody here ended it: its time was up, or somebody released it. */
  readonly lost: Promise<never>;
  /** Set once the lease has ended and its board could not be switched off: why. */
  readonly leftOn: string | null;
  /** Set once the lease has ended and the board's labgrid place could not be given back: why. */
  readonly kept: string | null;
}

/** Takes the board. Throws HostUnfit where somebody else has it and `onWait` is not given, or where files cannot be locked. */
export async function takeBoard(options: LeaseOptions): Promise<Lease> {
  const { board, signal, onWait } = options;
  // Before the keeper, which would wait for an order without end.
  const file = await leaseFile(board.name);
  signal.throwIfAborted();
  const keeper = startKeeper();
  const words = createInterface({ input: keeper.stdout });
  const lease = new HeldLease(board.name, keeper);
  let busy: string | null = null;
  let unfit: string | null = null;
  const held = new Promise<boolean>((resolveHeld) => {
    words.on("line", (line) => {
      const word = JSON.parse(line) as KeeperWord;
      if (word.word === "held") resolveHeld(true);
      if (word.word === "unfit") unfit = word.why;
      if (word.word === "busy") {
        busy = word.holder;
        onWait?.(word.holder);
      }
      lease.hear(word, options.lastsMs);
    });
    void lease.gone.then(() => resolveHeld(false));
  });
  const order: KeeperOrder = {
    file,
    facts: { user: userName(), pid: process.pid, use: options.use },
    lastsMs: options.lastsMs,
    wait: onWait !== undefined,
    place: board.labgrid ?? null,
    switchOff:
      board.power.by === "person" ? null : { board, boardsPath: resolve(options.boardsPath) },
  };
  keeper.stdin.write(`${JSON.stringify(order)}\n`);
  const stop = (): void => void keeper.stdin.end();
  signal.addEventListener("abort", stop, { once: true });
  const isHeld = await held;
  signal.removeEventListener("abort", stop);
  if (isHeld && !signal.aborted) {
    lease.begin();
    return lease;
  }
  await lease[Symbol.asyncDispose]();
  signal.throwIfAborted();
  if (busy !== null)
    throw new HostUnfit(`Board '${board.name}' is busy: ${busy} has it.`, {
      lookAt: "npm run -s bootgate -- boards list",
    });
  throw new HostUnfit(`The lease of board '${board.name}' cannot be taken.`, {
    details: { reason: unfit ?? (lease.errors || undefined) },
  });
}

type Keeper = ReturnType<typeof startKeeper>;

/** Detached: Ctrl-C on the terminal is for the run, which still needs its board. */
function startKeeper() {
  const script = join(import.meta.dirname, `keeper${extname(import.meta.filename)}`);
  const loader = script.endsWith(".ts") ? ["--import", "tsx"] : [];
  return spawn(process.execPath, [...loader, script], {
    cwd: packageRoot,
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
}

class HeldLease implements Lease {
  readonly board: string;
  readonly lost: Promise<never>;
  readonly gone: Promise<void>;
  leftOn: string | null = null;
  kept: string | null = null;
  errors = "";
  readonly #keeper: Keeper;
  #ending = false;
  #hasTold = false;
  #reason = "its keeper was ended";
  #lose: (error: Error) => void = () => undefined;

  constructor(board: string, keeper: Keeper) {
    this.board = board;
    this.#keeper = keeper;
    this.lost = new Promise<never>((_, reject) => {
      this.#lose = reject;
    });
    this.lost.catch(() => undefined);
    keeper.stdin.on("error", () => undefined);
    keeper.stderr.on("data", (bytes: Buffer) => {
      this.errors = (this.errors + bytes.toString("utf8")).slice(-2000);
    });
    this.gone = new Promise<void>((resolveGone) => {
      keeper.once("close", () => resolveGone());
      keeper.once("error", () => resolveGone());
    });
  }

  hear(word: KeeperWord, lastsMs: number): void {
    if (word.word === "off" || word.word === "left-on") this.#hasTold = true;
    if (word.word === "left-on") this.leftOn = word.why;
    if (word.word === "kept") this.kept = word.why;
    if (word.word === "expired") this.#reason = `its ${formatDuration(lastsMs)} were up`;
  }

  begin(): void {
    void this.gone.then(() => {
      if (!this.#hasTold) this.leftOn = "its keeper was ended before it could";
      if (!this.#ending)
        this.#lose(
          new MachineFault(`The lease of board '${this.board}' has ended: ${this.#reason}.`, {
            details: {
              "to do": "see 'boards list'; 'boards lease --for' keeps a board for longer",
            },
          }),
        );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true;
    this.#keeper.stdin.end();
    await this.gone;
  }
}

/** Who has the board; null where it is free. */
export async function holderOf(board: string): Promise<LeaseFacts | "unknown" | null> {
  const path = await leaseFile(board);
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const look = ["--shared", "--nonblock", "--conflict-exit-code", "75", "0"];
    if (spawnSync("flock", look, { stdio: [file, "ignore", "ignore"] }).status === 0) return null;
    return parseLease(readFileSync(path, "utf8")) ?? "unknown";
  } finally {
    closeSync(file);
  }
}

/** Ends the lease of somebody: the keeper switches the board off and frees it. Throws UsageError where it is free, HostUnfit where it is another user's. */
export async function releaseBoard(board: string): Promise<string> {
  const facts = await holderOf(board);
  if (facts === null) throw new UsageError(`Board '${board}' is free.`);
  const path = await leaseFile(board);
  // A number alone may be another process by now, or in another container.
  if (facts === "unknown" || !hasOpen(facts.keeper, path))
    throw new HostUnfit(`The keeper of board '${board}' cannot be seen from here.`, {
      details: { holder: facts === "unknown" ? undefined : holderWords(facts) },
    });
  try {
    process.kill(facts.keeper, "SIGTERM");
  } catch (cause) {
    throw new HostUnfit(`Board '${board}' is not yours to release.`, {
      cause,
      details: { holder: holderWords(facts) },
    });
  }
  return holderWords(facts);
}

function hasOpen(pid: number, path: string): boolean {
  try {
    // What the kernel tells has no links in it.
    const real = realpathSync(path);
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((name) => {
      try {
        return readlinkSync(join(folder, name)) === real;
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}
