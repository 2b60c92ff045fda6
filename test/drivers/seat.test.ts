/** Who sits at a guest: what loginctl and systemctl print, what it means, and when nobody can come any more. */
import { expect, test } from "vitest";
import { CannotTell, ExpectationFailed } from "../../harness/base/errors.ts";
import { commands } from "../../harness/guest/commands.ts";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import {
  awaitSeat,
  idleBetween,
  judgeSeat,
  mayStillCome,
  parseDriveWrites,
  parseSessions,
  readSeat,
} from "../../harness/guest/tools/seat.ts";

/** systemd 262, `loginctl show-session` for each session of a machine with a greeter, a user and a login over SSH. */
const block = (id: string, user: string, seat: string, kind: string, type: string, state: string) =>
  `Id=${id}\nName=${user}\nSeat=${seat}\nType=${type}\nClass=${kind}\nState=${state}\n\n`;
const greeter = block("c1", "gdm", "seat0", "greeter", "wayland", "online");
const user = block("2", "liveuser", "seat0", "user", "tty", "active");
const early = block("2", "liveuser", "seat0", "user-early", "wayland", "active");
const manager = block("3", "liveuser", "", "manager", "unspecified", "active");
const remote = block("4", "root", "", "user", "tty", "active");
const closing = block("5", "liveuser", "seat0", "user", "tty", "closing");

const facts = (sessions: string, more: object = {}) => ({
  ...{ sessions: parseSessions(sessions), displayManager: "absent", installers: [], isBusy: false },
  ...more,
});

test.each([
  ["nothing", "", null],
  ["a user on a terminal", user, "session"],
  ["a session of the early kind", early, "session"],
  ["a greeter and a user", greeter + user, "session"],
  ["a greeter alone", greeter, "login-screen"],
  ["somebody over SSH, and a user's manager", manager + remote, null],
  ["a session that closes", closing, null],
])("%s is seen as %s", (_, text, kind) => {
  expect(judgeSeat(facts(text))?.kind ?? null).toBe(kind);
});

test("an installer counts, and a session before it", () => {
  const installers = ["anaconda"];
  expect(judgeSeat(facts("", { installers }))).toEqual({ kind: "installer", name: "anaconda" });
  expect(judgeSeat(facts(greeter, { installers }))?.kind).toBe("installer");
  expect(judgeSeat(facts(user, { installers }))?.kind).toBe("session");
});

test.each([
  [{}, false],
  [{ isBusy: true }, true],
  [{ displayManager: "active" }, true],
  [{ displayManager: "activating" }, true],
  [{ displayManager: "failed" }, false],
  [{ displayManager: "inactive" }, false],
])("with %o something may still come: %s", (more, may) => {
  expect(mayStillCome(facts("", more))).toBe(may);
});

test("drives that were written to are told by the seventh number", () => {
  const text =
    "/sys/block/sr0/stat:     2000        0    80000     1234        0        0        0        0        0     1000     1234\n" +
    "/sys/block/sr1/stat:        1        0        2        3        4        0        8        0        0        0        0\n";
  expect(parseDriveWrites(text)).toEqual([
    { drive: "sr0", sectors: 0 },
    { drive: "sr1", sectors: 8 },
  ]);
  expect(parseDriveWrites("grep: no such file\n")).toEqual([]);
});

/** A guest that answers each look with the next of these, the last one for ever. */
function answering(...looks: { sessions?: string; unit?: string; ps?: string; jobs?: string }[]) {
  let at = -1;
  let ticks = 0;
  const io: GuestIo = {
    ...{ name: "candidate", timeScale: 0.02, lookAt: "console.log" },
    exec: async (command) => {
      if (command === commands.sessions) at = Math.min(at + 1, looks.length - 1);
      const { sessions = "", unit = "LoadState=not-found", ps = "", jobs = "" } = looks[at] ?? {};
      const text = new Map([
        [commands.sessions, sessions],
        [commands.displayManager, unit],
        [commands.installers, ps],
        [commands.jobs, jobs],
        [commands.processorTimes, `cpu  ${ticks++} 0 0 ${9 * ticks} 0 0 0 0 0 0\n`],
      ]).get(command);
      const stderr = text === undefined ? "unknown command" : "";
      const exitCode = stderr === "" ? 0 : 127;
      return { command, stdout: text ?? "", stderr, exitCode, durationMs: 1, truncated: false };
    },
  };
  return io;
}
const dm = (state: string) => `LoadState=loaded\nActiveState=${state}\nSubState=x\nResult=y\n`;

test("what is there is found once it comes", async () => {
  expect(
    (await awaitSeat(answering({ jobs: "1 a.service start running" }, { sessions: user }))).kind,
  ).toBe("session");
  expect(await awaitSeat(answering({ ps: "anaconda\nanaconda\n" }))).toEqual({
    kind: "installer",
    name: "anaconda",
  });
});

test("a login screen is an answer once nothing else comes", async () => {
  const io = answering({ sessions: greeter, unit: dm("active") });
  expect((await awaitSeat(io)).kind).toBe("login-screen");
});

test("nobody, and nothing that could bring somebody, is the image's failure, with what was seen", async () => {
  const error = await awaitSeat(answering({ sessions: remote, unit: dm("failed") })).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ExpectationFailed);
  expect(String(error)).toMatch(/Nobody is logged in on the first seat of 'candidate'/);
  expect((error as ExpectationFailed).details).toMatchObject({
    sessions: "root (user, no seat)",
    "display manager": "failed",
    installers: "none",
    processors: "90 % idle",
  });
});

test.each([
  ["cpu  10 0 10 100 0 0 0 0 0 0", "cpu  20 0 20 160 20 0 0 0 0 0", 0.8],
  ["cpu  10 0 10 100 0 0 0 0 0 0", "cpu  60 0 50 110 0 0 0 0 0 0", 0.1],
  ["cpu  10 0 10 100 0 0 0 0 0 0", "cpu  10 0 10 100 0 0 0 0 0 0", 0],
  ["", "nothing of the kind", 0],
])("of the time between '%s' and '%s' %s was idle", (before, after, share) => {
  expect(idleBetween(before, after)).toBeCloseTo(share);
});

test("a guest that is busy with something may still bring a session", async () => {
  const busy = answering({});
  const io: GuestIo = {
    ...busy,
    timeScale: 0.005,
    exec: async (command) => {
      const result = await busy.exec(command);
      const isTimes = command === commands.processorTimes;
      return isTimes ? { ...result, stdout: `cpu  ${Date.now()} 0 0 5 0 0 0 0\n` } : result;
    },
  };
  await expect(awaitSeat(io)).rejects.toBeInstanceOf(CannotTell);
});

test("a display manager that runs and shows nothing proves nothing", async () => {
  const waiting = awaitSeat({ ...answering({ unit: dm("active") }), timeScale: 0.005 });
  await expect(waiting).rejects.toBeInstanceOf(CannotTell);
  await expect(waiting).rejects.toThrow(/Neither a session nor an installer was seen/);
});

test("one look reads all of it", async () => {
  const io = answering({ sessions: user, unit: dm("active"), jobs: "No jobs running.\n" });
  expect(await readSeat(io)).toMatchObject({
    sessions: [{ user: "liveuser", seat: "seat0", class: "user", type: "tty", state: "active" }],
    displayManager: "active",
    installers: [],
    isBusy: false,
  });
});
