/** States: made once, with a clock and a share of their own, and failing once. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BootFailed, MachineFault, outcomeOf, RunStopped } from "../../harness/base/errors.ts";
import type { MakeOptions, State } from "../../harness/states/state.ts";
import { type StateReport, States } from "../../harness/states/states.ts";
import { liveLines } from "../../reports/live.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-states-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const free = { memoryMiB: 1, cpus: 1, diskMiB: 1, locks: [] };

/** A state whose making is `work`; counts how often it was made. */
function stateOf(work: (how: MakeOptions) => Promise<void>, limitMs = 60_000) {
  const facts = { made: 0, isThere: false };
  const state: State = {
    key: "0123456789abcdef",
    title: "the booted guest of v2",
    name: "booted",
    cost: free,
    limitMs,
    isMade: async () => facts.isThere,
    lock: async () => ({ [Symbol.asyncDispose]: async () => undefined }),
    async make(how) {
      facts.made++;
      await work(how);
      facts.isThere = true;
      return null;
    },
  };
  return { state, facts };
}

function statesOf() {
  const stop = new AbortController();
  const reports: StateReport[] = [];
  const states = new States({
    directory: folder,
    signal: stop.signal,
    onReport: (report) => reports.push(report),
  });
  return { states, stop, reports };
}

const ignore = (): void => undefined;
const failureOf = (work: Promise<unknown>): Promise<unknown> => work.then(ignore, (error) => error);
/** As a job does it: prepared before it begins, needed when it boots. */
const obtain = async (states: States, state: State): Promise<string | null> => {
  await states.prepare(state);
  return states.need(state, ignore);
};

test("a state that ten jobs ask for is made once, and told once", async () => {
  const { states, reports } = statesOf();
  const { state, facts } = stateOf(async ({ onStage }) => onStage("kernel", 5));
  await Promise.all(Array.from({ length: 10 }, () => states.prepare(state)));
  await states.need(state, ignore);
  expect(facts.made).toBe(1);
  expect(reports).toEqual([
    { type: "state-started", state: "booted-01234567", title: state.title },
    { type: "state-stage", state: "booted-01234567", stage: "kernel", sincePowerOnMs: 5 },
    expect.objectContaining({ type: "state-ended", outcome: { kind: "passed" } }),
  ]);
});

test("one that is there already is not made, and nothing is told", async () => {
  const { states, reports } = statesOf();
  const { state, facts } = stateOf(async () => undefined);
  facts.isThere = true;
  expect(await states.need(state, ignore)).toBe(null);
  expect([facts.made, reports]).toEqual([0, []]);
});

test("one that cannot be made fails once; every job tells the same, with its files and the same blame", async () => {
  const { states, reports } = statesOf();
  const { state, facts } = stateOf(async ({ directory, onEvidence }) => {
    onEvidence({ kind: "console", path: join(directory, "console.log") });
    throw new BootFailed("Guest 'candidate' did not boot: kernel panic.", {
      stage: "kernel",
      details: { line: "Kernel panic" },
    });
  });
  await states.prepare(state);
  const seen: string[] = [];
  const errors = await Promise.all(
    [1, 2].map(() => failureOf(states.need(state, ({ path }) => seen.push(path)))),
  );
  expect(facts.made).toBe(1);
  for (const error of errors) {
    expect(error).toBeInstanceOf(BootFailed);
    expect(outcomeOf(error)).toMatchObject({
      kind: "failed",
      error: {
        type: "BootFailed",
        stage: "kernel",
        headline: "Guest 'candidate' did not boot: kernel panic. (Seen when its state was made.)",
        message: expect.stringMatching(
          /\n {2}line +Kernel panic\n {2}state +the booted guest of v2, made once for all jobs/,
        ) as string,
      },
    });
  }
  const path = join(folder, "booted-01234567", "console.log");
  expect(seen).toEqual([path, path]);
  expect(reports.at(-1)).toMatchObject({ type: "state-ended", outcome: { kind: "failed" } });
});

test.each([
  ["a fault of the machine", new MachineFault("QEMU ended."), "broken"],
  ["a bug of ours", new TypeError("x is not a function"), "broken"],
])("%s stays one", async (_, error, kind) => {
  const { states } = statesOf();
  const { state } = stateOf(() => Promise.reject(error));
  expect(outcomeOf(await failureOf(obtain(states, state))).kind).toBe(kind);
});

test("one that cannot be made names the jobs that it ends, in its event and in their errors", async () => {
  const { states, reports } = statesOf();
  const { state } = stateOf(async () => {
    throw new MachineFault("QEMU does not start.");
  });
  const ids = Array.from({ length: 12 }, (_, index) => `bootc/story-${index}`);
  await Promise.all(ids.map((id) => states.prepare(state, undefined, id)));
  expect(reports.at(-1)).toMatchObject({ type: "state-ended", jobs: ids });
  const error = await failureOf(states.need(state, ignore));
  expect(String(error)).toMatch(/ended by it +bootc\/story-0, .*bootc\/story-9 and 2 more/);
});

test("its own limit does not end what comes after a failure: evidence, and a person who looks", async () => {
  const { states } = statesOf();
  const { state } = stateOf(async ({ stopClock, signal }) => {
    stopClock?.();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(signal.aborted).toBe(false);
    throw new MachineFault("QEMU does not start.");
  }, 20);
  expect(await failureOf(obtain(states, state))).toBeInstanceOf(MachineFault);
});

test("the line on a state that ends jobs is one sentence, whatever its reason ends with", () => {
  const ended = (headline: string): string[] =>
    liveLines({
      at: "2026-11-26T00:13:00Z",
      type: "state-ended",
      state: "disk-1",
      title: "the disk of it",
      durationMs: 341,
      outcome: { kind: "broken", error: { name: "MachineFault", message: headline, headline } },
      jobs: ["boot/health@qemu"],
    } as unknown as Parameters<typeof liveLines>[0]);
  for (const reason of ["QEMU did not start.", "QEMU did not start"])
    expect(ended(reason)).toEqual([
      "00:13:00  broken: the disk of it (341 ms): QEMU did not start; it ends boot/health@qemu",
    ]);
});

test("its own limit ends it, and time that it waits for room or for its turn is not counted", async () => {
  const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  const { states } = statesOf();
  const { state } = stateOf(async () => undefined, 100);
  await states.prepare(state, async (_cost, _signal, work) => wait(150).then(work));
  await states.need(state, ignore);

  const { states: others } = statesOf();
  const slow = stateOf(async ({ signal }) => {
    // On a busy host its time may be over before it begins.
    signal.throwIfAborted();
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  }, 50);
  const error = await failureOf(obtain(others, slow.state));
  expect(error).toBeInstanceOf(RunStopped);
  expect(outcomeOf(error)).toMatchObject({
    kind: "broken",
    error: { headline: expect.stringContaining("did not end within its 50 ms") as string },
  });
});

test("a stopped run does not make what still waits", async () => {
  const { states, stop } = statesOf();
  const { state, facts } = stateOf(async () => undefined);
  await states.prepare(state, async (_cost, _signal, work) => {
    stop.abort(new RunStopped("The run was interrupted."));
    await work();
  });
  expect(await failureOf(states.need(state, ignore))).toBe(stop.signal.reason);
  expect(facts.made).toBe(0);
});

test("one that was made and could not be kept is a lack and not a failure, and is not made again", async () => {
  const { states, reports } = statesOf();
  const { state } = stateOf(async () => undefined);
  let made = 0;
  const make = async (): Promise<Error> => {
    made++;
    return new MachineFault("QEMU could not save or restore the machine's state.");
  };
  const unkept: State = { ...state, isMade: async () => false, make };
  const words =
    "The booted guest of v2 could not be frozen: QEMU could not save or restore the machine's state; every scenario boots for itself.";
  expect(await obtain(states, unkept)).toBe(words);
  expect(await obtain(states, unkept)).toBe(words);
  expect(made).toBe(1);
  expect(reports.at(-1)).toMatchObject({ type: "state-ended", outcome: { kind: "broken" } });
});

test("a state that another run makes is waited for, which is told once with who makes it, and not made again", async () => {
  const { states, reports } = statesOf();
  const { state, facts } = stateOf(async () => undefined);
  const lock: State["lock"] = async (_signal, onWait) => {
    onWait("process 7, since 2026-11-26 00:12:03 UTC");
    facts.isThere = true;
    return { [Symbol.asyncDispose]: async () => undefined };
  };
  expect(await obtain(states, { ...state, lock })).toBe(null);
  expect(facts.made).toBe(0);
  const at = "2026-11-26T00:13:00Z";
  expect(reports.flatMap((report) => liveLines({ at, ...report }))).toEqual([
    "00:13:00  Waiting for another bootgate (process 7, since 2026-11-26 00:12:03 UTC) that makes the booted guest of v2.",
  ]);
});

test("what is odd about a state is told to every job that starts from it", async () => {
  const { states } = statesOf();
  const { state } = stateOf(async ({ onNote }) => onNote("Forks start more slowly."));
  await states.prepare(state);
  const notes: string[] = [];
  for (const _job of [1, 2]) await states.need(state, ignore, (text) => notes.push(text));
  expect(notes).toEqual(["Forks start more slowly.", "Forks start more slowly."]);
});

test("a shelf that cannot be used is a lack too", async () => {
  const { states } = statesOf();
  const { state, facts } = stateOf(async () => undefined);
  const lock = () => Promise.reject(new Error("EROFS: read-only file system"));
  expect(await obtain(states, { ...state, lock })).toBe(
    "The booted guest of v2 cannot be kept: EROFS: read-only file system; every scenario boots for itself.",
  );
  expect(facts.made).toBe(0);
});

describe("a state that the caller did not have prepared", () => {
  test.each(["its turn and its share", "its lock"])(
    "is not waited for while it waits for %s: the caller may hold that",
    async (what) => {
      const forever = new Promise<never>(() => undefined);
      const { states } = statesOf();
      const { state } = stateOf(async () => undefined);
      const wanted: State = what === "its lock" ? { ...state, lock: () => forever } : state;
      void states.prepare(wanted, () => forever);
      expect(await states.need(wanted, ignore)).toMatch(/^The guest boots cold: .*'needs\.boots'/);
    },
  );

  test("is not made either, since another run may hold its lock and wait for the caller's share", async () => {
    const { states } = statesOf();
    const { state, facts } = stateOf(async () => undefined);
    expect(await states.need(state, ignore)).toContain("boots cold");
    expect(facts.made).toBe(0);
  });

  test("is waited for once its making has begun, since nothing can keep that from ending", async () => {
    const { states } = statesOf();
    let begun: () => void = ignore;
    const hasBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    let end: () => void = ignore;
    const { state } = stateOf(() => {
      begun();
      return new Promise<void>((resolve) => {
        end = resolve;
      });
    });
    const prepared = states.prepare(state);
    await hasBegun;
    const needed = states.need(state, ignore);
    end();
    expect(await needed).toBe(null);
    await prepared;
  });
});
