import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  type HostSample,
  judgeHost,
  parsePressure,
  parseTicks,
  sampleHost,
} from "../../harness/base/host-health.ts";
import { throttledMs } from "../../harness/base/throttled.ts";

const stat = "cpu  100 0 50 800 20 0 5 25 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\nintr 1\n";

test("ticks are summed once, and a guest's time is part of the user's", () => {
  expect(parseTicks(stat)).toEqual({ ticks: 1000, stolenTicks: 25 });
  expect(parseTicks("")).toBeNull();
  expect(parseTicks("cpu  1 2 x\n")).toBeNull();
});

test("the pressure is the one of all tasks", () => {
  const text =
    "some avg10=55.00 avg60=1.00 avg300=0.10 total=1\nfull avg10=12.34 avg60=0.00 avg300=0.00 total=0\n";
  expect(parsePressure(text)).toBe(12.34);
  expect(parsePressure("some avg10=55.00 avg60=1.00 avg300=0.10 total=1\n")).toBeNull();
});

describe("a span in which a guest ran out of time", () => {
  const before: HostSample = {
    atMs: 0,
    ticks: 1000,
    stolenTicks: 0,
    load: 1,
    memoryPressure: 0,
    throttledMs: 0,
  };
  const after: HostSample = { ...before, atMs: 60_100, ticks: 13_000 };
  const judge = (changes: Partial<HostSample>) =>
    judgeHost({ before, after: { ...after, ...changes }, plannedMs: 60_000, processors: 2 });

  test("a host that was well", () => {
    expect(judge({})).toEqual({
      isWell: true,
      figures:
        "0 % of its processors stolen, load 1.0 on 2 processors, 0 % waiting for memory, own timer 0.1 s late",
    });
  });
  test.each<[string, Partial<HostSample>, RegExp]>([
    ["stolen", { stolenTicks: 6000 }, /50 % of its processors stolen/],
    ["loaded", { load: 9 }, /load 9\.0 on 2 processors/],
    ["out of memory", { memoryPressure: 31 }, /31 % waiting for memory/],
    [
      "held back by its container's limit",
      { throttledMs: 45_000 },
      /75 % of a processor kept back/,
    ],
    ["frozen itself", { atMs: 90_000 }, /own timer 30\.0 s late/],
  ])("a host that was %s", (_name, changes, words) => {
    const verdict = judge(changes);
    expect(verdict.isWell).toBe(false);
    expect(verdict.figures).toMatch(words);
  });
  test("a guest on a board does not mind the load of this host", () => {
    const busy = { ...after, load: 99, stolenTicks: 9000, memoryPressure: 90 };
    const span = { before, plannedMs: 60_000, processors: 2, guestIsHere: false };
    expect(judgeHost({ ...span, after: busy }).isWell).toBe(true);
    expect(judgeHost({ ...span, after: { ...busy, atMs: 90_000 } }).isWell).toBe(false);
  });
  test("a kernel that says nothing does not make us doubt the host", () => {
    const nothing = {
      ticks: null,
      stolenTicks: null,
      load: null,
      memoryPressure: null,
      throttledMs: null,
    };
    expect(judge(nothing)).toEqual({ isWell: true, figures: "own timer 0.1 s late" });
  });
});

test.each<[string, Record<string, string>, number | null]>([
  [
    "version 2",
    {
      "proc/self/cgroup": "0::/pod\n",
      "sys/fs/cgroup/pod/cpu.stat": "usage_usec 9\nthrottled_usec 2500\n",
    },
    2.5,
  ],
  [
    "a group around it",
    {
      "proc/self/cgroup": "0::/a/b\n",
      "sys/fs/cgroup/a/cpu.stat": "throttled_usec 7000\n",
      "sys/fs/cgroup/a/b/cpu.stat": "throttled_usec 0\n",
    },
    7,
  ],
  [
    "a container that sees its own group as the root",
    { "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.stat": "throttled_usec 1000\n" },
    1,
  ],
  [
    "version 1",
    {
      "proc/self/cgroup": "4:cpu,cpuacct:/x\n0::/\n",
      "sys/fs/cgroup/cpu/x/cpu.stat": "nr_throttled 1\nthrottled_time 3000000\n",
    },
    3,
  ],
  ["no limit", { "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.stat": "usage_usec 9\n" }, null],
  ["nothing to read", {}, null],
])("what a container's limit keeps back is read: %s", (_name, files, ms) => {
  const root = mkdtempSync(join(tmpdir(), "cgroup-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    expect(throttledMs(root)).toBe(ms);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("this host can be looked at", async () => {
  const sample = sampleHost();
  expect(sample.ticks).toBeGreaterThan(0);
  expect(sample.load).not.toBeNull();
});
