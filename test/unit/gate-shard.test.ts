import { describe, expect, test } from "vitest";
import { mergeShards } from "../../harness/gate/shards/merge.ts";
import { parseShard, splitJobs, takeShard } from "../../harness/gate/shards/shard.ts";
import type { RunEvent } from "../../harness/log/events.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { type Fate, smallEvents } from "../golden/gate-runs.ts";
import { digest, jobFacts } from "../golden/report-events.ts";

const job = (id: string, budgetMs = 60_000) => ({ id, budgetMs });
const none = (): null => null;

describe("--shard", () => {
  test.each([
    ["1/1", { index: 1, count: 1 }],
    ["2/4", { index: 2, count: 4 }],
  ])("%s is read", (text, expected) => {
    expect(parseShard(text)).toEqual(expected);
  });
  test.each(["0/4", "5/4", "1/0", "a/b", "1", "1/2/3", "-1/2", "1/2001", " 1/2", "1.0/2", ""])(
    "'%s' is refused",
    (text) => {
      expect(() => parseShard(text)).toThrow(/Expected a shard as i\/n/);
    },
  );
});

describe("a split", () => {
  const seconds: Record<string, number> = { a: 90, b: 60, c: 50, d: 40, e: 30, f: 30 };
  const jobs = Object.keys(seconds).map((id) => job(id));
  const expectedMs = (id: string): number | null => (seconds[id] ?? 0) * 1000 || null;
  const idsOf = (split: ReturnType<typeof splitJobs>): string[] =>
    split.shards.map((shard) => shard.jobs.map(({ id }) => id).join(""));

  test("gives the longest to the one with least", () => {
    const split = splitJobs({ jobs, count: 2, expectedMs });
    expect(idsOf(split)).toEqual(["adf", "bce"]);
    expect(split.shards.map((shard) => shard.expectedMs)).toEqual([160_000, 140_000]);
  });

  test.each([1, 2, 3, 5, 6])(
    "into %i has every job exactly once, in any order of input",
    (count) => {
      const split = splitJobs({ jobs, count, expectedMs });
      expect(idsOf(split).join("").split("").sort().join("")).toBe("abcdef");
      for (const turned of [jobs.toReversed(), [...jobs.slice(3), ...jobs.slice(0, 3)]])
        expect(splitJobs({ jobs: turned, count, expectedMs })).toEqual(split);
    },
  );

  test("takes the median for a job without a history", () => {
    const few = (id: string): number | null => ({ a: 10, b: 20, c: 90 })[id] ?? null;
    const split = splitJobs({ jobs: jobs.slice(0, 4), count: 4, expectedMs: few });
    expect(split.shards.map((shard) => shard.expectedMs)).toEqual([90, 20, 20, 10]);
  });

  test("takes the scenario's limit when no job has a history", () => {
    const split = splitJobs({ jobs: [job("a", 5), job("b", 9)], count: 2, expectedMs: none });
    expect(split.shards.map((shard) => shard.expectedMs)).toEqual([9, 5]);
  });

  test("spreads jobs of no length", () => {
    const flat = ["a", "b", "c", "d"].map((id) => job(id, 0));
    expect(idsOf(splitJobs({ jobs: flat, count: 2, expectedMs: none }))).toEqual(["ac", "bd"]);
  });

  test("spreads what runs; what is skipped weighs nothing", () => {
    const skipped = ["p", "q"].map((id) => ({ ...job(id, 3_600_000), isSkipped: true }));
    const few = [...skipped, job("x"), job("y")];
    const split = splitJobs({ jobs: few, count: 2, expectedMs: none });
    expect(idsOf(split)).toEqual(["pqx", "y"]);
    expect(split.shards.map((shard) => shard.expectedMs)).toEqual([60_000, 60_000]);
    expect(splitJobs({ jobs: few.toReversed(), count: 2, expectedMs: none })).toEqual(split);
    expect(idsOf(splitJobs({ jobs: few, count: 4, expectedMs: none }))).toEqual([
      "x",
      "y",
      "p",
      "q",
    ]);
  });

  test("takes nothing from the history of a job that is skipped", () => {
    const old = (id: string): number | null => (id === "a" ? 1_000_000 : null);
    const split = splitJobs({
      jobs: [{ ...job("a"), isSkipped: true }, job("b", 5)],
      count: 1,
      expectedMs: old,
    });
    expect(split.shards[0]?.expectedMs).toBe(5);
  });

  test("has another digest when it is another split", () => {
    const one = splitJobs({ jobs, count: 2, expectedMs });
    expect(one.selection).not.toBe(splitJobs({ jobs, count: 2, expectedMs: none }).selection);
    expect(takeShard(one, { index: 2, count: 2 }).facts).toEqual({
      index: 2,
      count: 2,
      selection: one.selection,
    });
    expect(() => takeShard(one, { index: 3, count: 3 })).toThrow(RangeError);
  });

  test.each([
    [jobs, 7, /6 jobs cannot be split into 7 shards/],
    [[], 1, /0 jobs cannot be split/],
    [[job("a"), job("a")], 1, /same id/],
    [jobs, 0, /Expected from 1 to 1000 shards, got 0/],
    [jobs, 1001, /Expected from 1 to 1000 shards/],
    [jobs, 1.5, /Expected from 1 to 1000 shards/],
  ])("is refused when it cannot be", (list, count, expected) => {
    expect(() => splitJobs({ jobs: list, count, expectedMs })).toThrow(expected);
  });
});

describe("a merge", () => {
  type Head = Extract<RunEvent, { type: "run-started" }>;
  const shard = (
    index: number,
    scenario: string,
    {
      fate = "passed",
      head = {},
      ...more
    }: { fate?: Fate; head?: Partial<Head>; killed?: boolean } = {},
  ) => ({
    name: `runs/${index}`,
    events: smallEvents({
      run: `run-${index}`,
      startedAt: index * 5,
      fates: { [scenario]: fate },
      head: { shard: { index, count: 2, selection: "sha256:s" }, policy: "sha256:p", ...head },
      ...more,
    }),
  });
  const first = shard(1, "boot/health");
  const second = shard(2, "bootc/status", { fate: "failed" });
  const merged = (...logs: ReturnType<typeof shard>[]) => mergeShards(logs, "merged");

  test("is one run, the same in any order", () => {
    const events = merged(second, first);
    expect(events).toEqual(merged(first, second));
    const model = foldRun(events);
    expect(model.run).toBe("merged");
    expect(model.counts).toMatchObject({ passed: 1, failed: 1 });
    expect(model.jobs.map(({ scenario }) => scenario)).toEqual(["boot/health", "bootc/status"]);
    expect(model.stopped).toBeNull();
    expect(events[0]).not.toHaveProperty("shard");
    expect(events[0]).toHaveProperty("policy", "sha256:p");
  });

  test("takes a shard that had nothing to run", () => {
    const { events } = second;
    const [head, end] = [events[0], events.at(-1)] as [Head, RunEvent];
    const idle = { name: "runs/2", events: [{ ...head, jobs: [] }, end] };
    const model = foldRun(merged(first, idle));
    expect(model.counts).toMatchObject({ passed: 1, notRun: 0 });
    expect(model.stopped).toBeNull();
  });

  test("keeps each shard's order when a clock was set back", () => {
    const [head, ...rest] = first.events;
    const late = rest.map((event, place) =>
      place === 0 ? { ...event, at: "2026-11-21T09:00:00.000Z" } : event,
    );
    const types = merged({ ...first, events: [head as RunEvent, ...late] }, second)
      .filter((event) => "job" in event && event.job.startsWith("boot/health"))
      .map(({ type }) => type);
    expect(types).toEqual(["job-started", "step-started", "step-ended", "job-ended"]);
  });

  test("says which shard was killed; its job is broken", () => {
    const model = foldRun(merged(first, shard(2, "bootc/status", { fate: "open", killed: true })));
    expect(model.stopped).toBe("shard 2 of 2 was killed: its log has no end");
    expect(model.counts).toMatchObject({ passed: 1, broken: 1 });
  });

  const images = {
    candidate: {
      name: "reference:v3",
      digest: digest("3"),
      architecture: "x86_64",
      standIns: [],
    },
  };
  const of3 = (index: number, scenario: string) =>
    shard(index, scenario, { head: { shard: { index, count: 3, selection: "sha256:s" } } });
  test.each<[string, ReturnType<typeof shard>[], RegExp]>([
    ["no shard", [], /Shards to merge do not exist/],
    [
      "a run that is none",
      [{ ...first, events: smallEvents({ fates: {} }) }],
      /'runs\/1' is not a shard/,
    ],
    [
      "a log without its head",
      [{ ...first, events: first.events.slice(1) }],
      /does not begin with/,
    ],
    [
      "the same index twice",
      [first, { ...first, name: "runs/x" }, second],
      /shard 1 of 2 is there twice: 'runs\/1' and 'runs\/x'/,
    ],
    ["a missing shard", [second], /shard 1 of 2 is missing/],
    [
      "two missing shards",
      [of3(2, "a/b")],
      /shard 1 of 3 is missing\n {2}- shard 3 of 3 is missing/,
    ],
    [
      "another number of shards",
      [first, of3(2, "a/b")],
      /different numbers of shards: of 2 \('runs\/1'\), of 3/,
    ],
    [
      "another version",
      [first, shard(2, "a/b", { head: { harness: "0.2.0" } })],
      /different harness versions: 0.1.0 \('runs\/1'\), 0.2.0 \('runs\/2'\)/,
    ],
    [
      "another policy",
      [first, shard(2, "a/b", { head: { policy: "sha256:q" } })],
      /different policies/,
    ],
    [
      "another image",
      [first, shard(2, "a/b", { head: { jobs: [jobFacts("a/b", { images })] } })],
      /different candidate images for x86_64: sha256:2+ \('runs\/1'\), sha256:3+ \('runs\/2'\)/,
    ],
    [
      "another split",
      [first, shard(2, "a/b", { head: { shard: { index: 2, count: 2, selection: "sha256:t" } } })],
      /different splits \(was the history another\?\)/,
    ],
    [
      "the same job twice",
      [first, shard(2, "boot/health")],
      /the job 'boot\/health@.*' is in 'runs\/1' and in 'runs\/2'/,
    ],
    [
      "an index beyond the count",
      [
        first,
        second,
        shard(7, "a/b", { head: { shard: { index: 7, count: 2, selection: "sha256:s" } } }),
      ],
      /there is no shard 7 of 2/,
    ],
    [
      "a count out of all bounds",
      [shard(1, "a/b", { head: { shard: { index: 1, count: 1e9, selection: "s" } } })],
      /shard 21 of 1000000000 is missing/,
    ],
  ])("refuses %s", (_, logs, expected) => {
    expect(() => mergeShards(logs, "merged")).toThrow(expected);
  });
});
