/**
 * The keeper of a lease: a process of its own that holds the kernel's lock on the board and switches it off at the end, whatever the
 * end is. A run that is killed cannot run code; it leaves a closed pipe behind, and that is what the keeper waits for. The lock is freed
 * last, so who gets the board next gets it without power. Should the keeper be killed too, the kernel frees the lock.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { messageOf } from "../../../base/errors.ts";
import type { Board } from "../config.ts";
import { PlaceBusy } from "../labgrid/client.ts";
import { acquirePlace, type HeldPlace, releasePlace } from "../labgrid/place.ts";
import { openSwitch } from "../power/open-switch.ts";
import { boardPower } from "../power/power-switch.ts";
import { holderWords, type KeeperOrder, type KeeperWord, parseLease } from "./lease-words.ts";

const taken = 75;

/** The harness may be dead: what it does not hear must not end the keeper. */
process.stdout.on("error", () => undefined);
const say = (word: KeeperWord): void => void process.stdout.write(`${JSON.stringify(word)}\n`);

async function main(): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  const [text] = (await once(lines, "line")) as [string];
  const order = JSON.parse(text) as KeeperOrder;
  const ended = new Promise<"end">((resolve) => {
    lines.once("line", () => resolve("end"));
    lines.once("close", () => resolve("end"));
    // Somebody releases the board, or the host goes down. A second one must not end the switching off.
    for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
      process.on(name, () => resolve("end"));
  });
  const file = openSync(order.file, constants.O_RDWR | constants.O_NOFOLLOW);
  if (!(await lock(file, order, ended))) return;
  const held = await acquire(order, ended);
  if (held === "not had") return;
  sign(file, order);
  say({ word: "held" });
  const expired = new Promise<"expired">((resolve) => {
    setTimeout(resolve, order.lastsMs, "expired");
  });
  if ((await Promise.race([ended, expired])) === "expired") say({ word: "expired" });
  await switchOff(order);
  if (held !== null) await giveBack(held);
  ftruncateSync(file);
  closeSync(file);
}

/** True once the lock is ours; false where somebody has it and nobody waits for it any more. */
async function lock(
  file: number,
  { file: path, wait }: KeeperOrder,
  ended: Promise<"end">,
): Promise<boolean> {
  const now = ["--exclusive", "--nonblock", "--conflict-exit-code", String(taken), "0"];
  const attempt = () => spawnSync("flock", now, { stdio: [file, "ignore", "pipe"] });
  let { status, error, stderr } = attempt();
  // One who looks whether the board is free holds it for that moment, and has not signed.
  for (
    let again = 0;
    again < 10 && status === taken && readFileSync(path, "utf8") === "";
    again++
  ) {
    await pause(50);
    ({ status, error, stderr } = attempt());
  }
  if (status === 0) return true;
  if (status !== taken) {
    say({ word: "unfit", why: messageOf(error ?? String(stderr)) });
    return false;
  }
  say({ word: "busy", holder: holderWords(parseLease(readFileSync(path, "utf8"))) });
  if (!wait) return false;
  const waiting = spawn("setpriv", ["--pdeathsig", "KILL", "--", "flock", "--exclusive", "0"], {
    stdio: [file, "ignore", "ignore"],
  });
  const closed = once(waiting, "close").then(([code]) => code as number | null);
  const first = await Promise.race([closed, ended]);
  if (first === 0) return true;
  waiting.kill("SIGKILL");
  return false;
}

/** The board's place once it is ours, null where it has none. */
async function acquire(
  { place, wait }: KeeperOrder,
  ended: Promise<"end">,
): Promise<HeldPlace | null | "not had"> {
  if (place === null) return null;
  const stop = new AbortController();
  let isOver = false;
  void ended.then(() => {
    if (!isOver) stop.abort();
  });
  const busy = (holder: string): void => say({ word: "busy", holder });
  try {
    return await acquirePlace(place, { signal: stop.signal, onWait: wait ? busy : undefined });
  } catch (error) {
    if (error instanceof PlaceBusy && !wait) busy(error.holder);
    else if (!stop.signal.aborted) say({ word: "unfit", why: messageOf(error) });
    return "not had";
  } finally {
    isOver = true;
  }
}

/** The coordinator gives a place to somebody else only when it is released: it does not see that its holder has died (labgrid#1739). */
async function giveBack(held: HeldPlace): Promise<void> {
  try {
    await releasePlace(held, new AbortController().signal);
  } catch (error) {
    say({ word: "kept", why: messageOf(error) });
  }
}

function sign(file: number, { facts, lastsMs }: KeeperOrder): void {
  const since = Date.now();
  const told = { ...facts, keeper: process.pid, since, until: since + lastsMs };
  ftruncateSync(file);
  writeSync(file, JSON.stringify(told), 0);
}

/** The time of one act of the switch is in the board's own limits; nobody waits for a person here. */
async function switchOff({ switchOff: given }: KeeperOrder): Promise<void> {
  if (given === null) return say({ word: "left-on", why: "a person switches it" });
  try {
    const board = given.board as Board;
    const opened = await openSwitch({ board, boardsPath: given.boardsPath, person: null });
    const limits = { ...board.limits, offSeconds: 0 };
    const power = boardPower({ name: board.name, switch: opened, limits });
    await power.off(new AbortController().signal);
    say({ word: "off" });
  } catch (error) {
    say({ word: "left-on", why: messageOf(error) });
  }
}

await main();
process.exit(0);
