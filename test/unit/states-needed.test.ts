// A state that no job can do without, and the shelf that has no place for it.
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HostUnfit } from "../../harness/base/errors.ts";
import type { State } from "../../harness/states/state.ts";
import { type StateReport, States } from "../../harness/states/states.ts";

test.each([
  [
    "a file system's word",
    new Error("EROFS: read-only file system"),
    /There is no place in the cache for the disk of v2[\s\S]*EROFS/,
  ],
  ["a word of ours", new HostUnfit("The cache is full."), /The cache is full/],
])(
  "a disk that has no place fails once, for all jobs that cannot do without: %s",
  async (_, error, words) => {
    const reports: StateReport[] = [];
    const states = new States({
      directory: join(tmpdir(), "bootgate-never-made"),
      signal: new AbortController().signal,
      onReport: (report) => reports.push(report),
    });
    const disk: State = {
      ...{ key: "0123456789abcdef", name: "disk", title: "the disk of v2", isNeeded: true },
      ...{ cost: { memoryMiB: 1, cpus: 1, diskMiB: 1, locks: [] }, limitMs: 60_000 },
      isMade: async () => false,
      lock: () => Promise.reject(error),
      make: () => expect.fail("It has no place."),
    };
    await Promise.all(["a", "b"].map((job) => states.prepare(disk, undefined, job)));
    const thrown = await states.need(disk, () => undefined).catch((caught: unknown) => caught);
    expect(thrown).toBeInstanceOf(HostUnfit);
    expect(String(thrown)).toMatch(words);
    expect(String(thrown)).toMatch(/ended by it +a, b/);
    expect(reports).toEqual([
      expect.objectContaining({
        type: "state-ended",
        title: "the disk of v2",
        outcome: expect.objectContaining({ kind: "broken" }) as object,
        jobs: ["a", "b"],
      }),
    ]);
  },
);
