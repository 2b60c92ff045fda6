/**
 * Who sits at a guest: sessions of its first seat as logind knows them, the display manager that would begin one, and
 * installers that run. Parsing and judging are pure; a wait asks again until one of them is there.
 */
import { setTimeout as pause } from "node:timers/promises";
import { CannotTell, ExpectationFailed } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import { commands } from "../commands.ts";
import { excerptEnd } from "../excerpt.ts";
import { type GuestIo, requireSuccess } from "../guest-io.ts";
import { parseBlocks } from "./properties.ts";

/** A session of logind's (org.freedesktop.login1(5)). */
export interface Session {
  readonly id: string;
  readonly user: string;
  readonly seat: string;
  /** `user`, `greeter`, `manager`, … */
  readonly class: string;
  /** `tty`, `x11`, `wayland`, … */
  readonly type: string;
  /** `online`, `active`, `closing`. */
  readonly state: string;
}

export interface SeatFacts {
  readonly sessions: readonly Session[];
  /** `ActiveState` of display-manager.service, or `absent` where there is no such unit. */
  readonly displayManager: string;
  /** Names of installers that run, each once. */
  readonly installers: readonly string[];
  /** Whether systemd has something queued or under way. */
  readonly isBusy: boolean;
}

/** What was found to be there. */
export type SeatWord =
  | { readonly kind: "session"; readonly session: Session }
  | { readonly kind: "installer"; readonly name: string }
  | { readonly kind: "login-screen"; readonly session: Session };

/** What `commands.sessions` prints. */
export const parseSessions = (text: string): Session[] =>
  parseBlocks(text).flatMap(({ Id, Name = "", Seat = "", Class = "", Type = "", State = "" }) =>
    Id === undefined
      ? []
      : [{ id: Id, user: Name, seat: Seat, class: Class, type: Type, state: State }],
  );

/** A seat without a display has no number but this one (sd-login(3)). */
const firstSeat = "seat0";

/** What is there, or null. A session that is closing is not. */
export function judgeSeat({ sessions, installers }: SeatFacts): SeatWord | null {
  const seated = sessions.filter(({ seat, state }) => seat === firstSeat && state !== "closing");
  const session = seated.find((one) => one.class.startsWith("user"));
  if (session !== undefined) return { kind: "session", session };
  const [name] = installers;
  if (name !== undefined) return { kind: "installer", name };
  const greeter = seated.find((one) => one.class === "greeter");
  return greeter === undefined ? null : { kind: "login-screen", session: greeter };
}

/** Whether something may still bring a session: units on their way, or a display manager that runs. */
export const mayStillCome = ({ isBusy, displayManager }: SeatFacts): boolean =>
  isBusy || !["absent", "failed", "inactive"].includes(displayManager);

/** How long to wait at all, and for how long nothing may have happened, with hardware acceleration. Milliseconds. */
const limitMs = 60_000;
const restMs = 8000;
const lookMs = 250;
/** A guest whose processors were idle for this share of a while had nothing under way. */
const idleShare = 0.6;

/**
 * Waits until a session, an installer or a login screen is there. Throws ExpectationFailed where nothing is and nothing can bring one
 * any more: no unit is on its way, no display manager runs, and the processors are idle. Throws CannotTell where that cannot be told:
 * time alone proves nothing.
 */
export async function awaitSeat(io: GuestIo): Promise<SeatWord> {
  const endsAt = performance.now() + limitMs * io.timeScale;
  for (;;) {
    const facts = await readSeat(io);
    const word = judgeSeat(facts);
    if (word !== null && word.kind !== "login-screen") return word;
    if (word !== null || !mayStillCome(facts)) {
      // Nothing is asked meanwhile, which would keep the guest busy.
      const before = await processorTimes(io);
      await pause(restMs * io.timeScale);
      const idle = idleBetween(before, await processorTimes(io));
      const later = await readSeat(io);
      const now = judgeSeat(later);
      if (now !== null && (now.kind !== "login-screen" || word !== null)) return now;
      if (now === null && !mayStillCome(later) && idle >= idleShare) throw nobody(io, later, idle);
    }
    if (performance.now() >= endsAt) throw notTold(io, facts);
    await pause(lookMs * io.timeScale);
  }
}

const processorTimes = async (io: GuestIo): Promise<string> =>
  requireSuccess(io, await io.exec(commands.processorTimes)).stdout;

/** Ticks of all processors: user, nice, system, idle, iowait, … (proc_stat(5)). */
const ticksOf = (line: string): readonly number[] =>
  line.trim().split(/ +/).slice(1, 9).map(Number);

/** The share of processor time that was idle between two first lines of /proc/stat; 0 where they do not tell. Pure. */
export function idleBetween(before: string, after: string): number {
  const [from, to] = [ticksOf(before), ticksOf(after)];
  const passed = to.map((ticks, index) => ticks - (from[index] ?? Number.NaN));
  const all = passed.reduce((sum, ticks) => sum + ticks, 0);
  const idle = (passed[3] ?? 0) + (passed[4] ?? 0);
  return all > 0 ? idle / all : 0;
}

const shown = ({ sessions, displayManager, installers }: SeatFacts) => ({
  sessions:
    excerptEnd(
      sessions.map((one) => `${one.user} (${one.class}, ${one.seat || "no seat"})`).join(", "),
      300,
    ) || "none",
  "display manager": displayManager,
  installers: installers.join(", ") || "none",
});

const nobody = ({ name, lookAt }: GuestIo, facts: SeatFacts, idle: number): ExpectationFailed =>
  new ExpectationFailed(
    `Nobody is logged in on the first seat of '${name}', no installer runs, and nothing is on its way.`,
    { details: { ...shown(facts), processors: `${Math.round(idle * 100)} % idle` }, lookAt },
  );

const notTold = ({ name, lookAt, timeScale }: GuestIo, facts: SeatFacts): CannotTell =>
  new CannotTell(`Neither a session nor an installer was seen on the first seat of '${name}'.`, {
    details: {
      ...shown(facts),
      "something under way": facts.isBusy ? "yes" : "no",
      waited: formatDuration(limitMs * timeScale),
    },
    lookAt,
  });

/** Asks once. Throws CommandFailed where logind or systemd cannot be asked. */
export async function readSeat(io: GuestIo): Promise<SeatFacts> {
  const say = async (command: string): Promise<string> =>
    requireSuccess(io, await io.exec(command)).stdout;
  const sessions = parseSessions(await say(commands.sessions));
  const [unit] = parseBlocks(await say(commands.displayManager));
  const isThere = unit?.LoadState === "loaded" || unit?.LoadState === "masked";
  // Exit code 1: none runs.
  const { stdout: running } = await io.exec(commands.installers);
  const jobs = await say(commands.jobs);
  return {
    sessions,
    displayManager: isThere ? (unit.ActiveState ?? "unknown") : "absent",
    installers: [...new Set(running.split("\n").filter((line) => line !== ""))].slice(0, 20),
    isBusy: jobs.trim() !== "" && !/^No jobs/.test(jobs),
  };
}

/** Sectors that were written to each CD drive since boot (kernel documentation, block/stat.rst: the seventh field). Pure. */
export const parseDriveWrites = (
  text: string,
): { readonly drive: string; readonly sectors: number }[] =>
  text.split("\n").flatMap((line) => {
    const found = /^\/sys\/block\/(sr\d{1,3})\/stat:\s*(.+)$/.exec(line);
    const sectors = Number(found?.[2]?.trim().split(/\s+/)[6]);
    return found?.[1] === undefined || Number.isNaN(sectors) ? [] : [{ drive: found[1], sectors }];
  });
