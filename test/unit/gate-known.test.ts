import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseYaml } from "../../harness/config/load-yaml.ts";
import { historyOf } from "../../harness/gate/history/history.ts";
import { countKnown } from "../../harness/gate/known/known-counts.ts";
import {
  type KnownFailure,
  knownFailuresSchema,
  knownId,
  matchKnown,
} from "../../harness/gate/known/known-failures.ts";
import { findWildcard, matchesWildcard } from "../../harness/gate/policy/wildcard.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { bootFailed, fullRun } from "../golden/report-events.ts";
import { processorMs } from "./support/processor-time.ts";

const now = new Date("2026-11-21T12:00:00Z");
const full = foldRun(fullRun);
const health = full.jobs.find(({ id }) => id === "boot/health@qemu-x86_64-uefi");
const flaky = full.jobs.find((job) => job.flaky);
const passed = full.jobs[0];

const entry = (more: Partial<KnownFailure> = {}): KnownFailure => ({
  scenario: "boot/health",
  pattern: "Guest 'v*' did not boot: the kernel panicked",
  tracker: "https://example.org/issues/7",
  until: "2026-12-31",
  ...more,
});
const list = (...failures: KnownFailure[]) => ({ version: 1 as const, failures });
const match = (job: typeof health, ...failures: KnownFailure[]) =>
  job === undefined ? undefined : matchKnown(list(...failures), job, now);

describe("patterns", () => {
  test.each([
    ["stand-in:*", "stand-in:bootc", true],
    ["stand-in:*", "my-stand-in:bootc", false],
    ["tcg", "tcg", true],
    ["tcg", "tcg2", false],
    ["*", "", true],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["a*b*c", "a-c-b-c", true],
    ["a*b*c", "a-c-b", false],
    ["ab*ba", "aba", false],
    ["", "", true],
    ["", "x", false],
  ])("the whole text: %s on %s is %s", (pattern, text, expected) => {
    expect(matchesWildcard(pattern, text)).toBe(expected);
  });

  test("a piece of the text: brackets and dots mean themselves", () => {
    expect(findWildcard("block(0,0)", "on unknown-block(0,0)!")).toBe(true);
    expect(findWildcard("block.0", "block10")).toBe(false);
    expect(findWildcard("one*two", "two one")).toBe(false);
  });

  test("no pattern runs without end", () => {
    const took = processorMs(() =>
      expect(findWildcard(`${"a*".repeat(250)}b`, "a".repeat(16_384))).toBe(false),
    );
    expect(took).toBeLessThan(200);
  });

  test.each([
    "(a+)+$ and more letters",
    "Kernel panic.*syncing",
    "took \\d+ seconds too long",
    "^Guest did not boot",
    "one of [a-z] letters here",
    "a?b*",
  ])("'%s' is refused with a reason", (pattern) => {
    const parsed = knownFailuresSchema.safeParse(list(entry({ pattern })));
    expect(parsed.error?.issues[0]?.message).toMatch(/not a regular expression|at least 8 letters/);
  });

  test.each([
    "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    "[   11.402113] systemd[1]: Failed to start *.service",
    "Expected enforcing, got 'permissive' (sestatus)",
  ])("'%s' is plain text", (pattern) => {
    expect(knownFailuresSchema.safeParse(list(entry({ pattern }))).success).toBe(true);
  });

  test("a tracker has to be a page", () => {
    const parsed = knownFailuresSchema.safeParse(list(entry({ tracker: "javascript:alert(1)" })));
    expect(parsed.error?.issues[0]?.message).toMatch(/expected the URL/);
  });
});

describe("a match", () => {
  test("keeps the true outcome and the words that matched", () => {
    const hit = match(health, entry());
    expect(hit).toMatchObject({
      expired: false,
      trueOutcome: "failed",
      step: "boots the candidate",
    });
    expect(hit?.words).toContain("the kernel panicked");
  });
  test.each<[string, Partial<KnownFailure>, boolean]>([
    ["another scenario", { scenario: "boot/other" }, false],
    ["other words", { pattern: "Guest 'v*' did not come back" }, false],
    ["the step", { step: "boots the candidate" }, true],
    ["another step", { step: "boots the previous image" }, false],
    ["the image", { images: ["other", "reference:*"] }, true],
    ["another image", { images: ["silverblue*"] }, false],
    ["the architecture", { architectures: ["x86_64"] }, true],
    ["another architecture", { architectures: ["aarch64"] }, false],
  ])("by %s", (_, more, expected) => {
    expect(match(health, entry(more)) !== null).toBe(expected);
  });
  test("is over on the day after its last", () => {
    expect(match(health, entry({ until: "2026-11-21" }))?.expired).toBe(false);
    expect(match(health, entry({ until: "2026-11-20" }))?.expired).toBe(true);
  });
  test("prefers an entry that still counts", () => {
    const old = entry({ until: "2020-01-01" });
    expect(match(health, old, entry({ pattern: "the kernel panicked" }))?.expired).toBe(false);
  });
  test("never excuses what passed", () => {
    expect(match(passed, entry({ scenario: "bootc/upgrade-rollback" }))).toBeNull();
  });
  test("needs every failed attempt to fail this way", () => {
    if (health === undefined) throw new Error("no job");
    const other = { ...bootFailed, headline: "other", message: "something else went wrong" };
    const attempt = health.attempts[0];
    if (attempt === undefined) throw new Error("no attempt");
    const second = { ...attempt, attempt: 2, outcome: { kind: "failed" as const, error: other } };
    expect(match({ ...health, attempts: [attempt, second] }, entry())).toBeNull();
    expect(match({ ...health, attempts: [second, attempt] }, entry())).toBeNull();
  });
  test("finds the failed attempt of a flake", () => {
    const words = { scenario: "bootc/etc-var-kept", pattern: "connection to guest * was lost" };
    expect(match(flaky, entry(words))?.trueOutcome).toBe("broken");
  });
});

describe("counting", () => {
  const known = list(entry(), entry({ pattern: "something that never happens" }));
  const runAt = (day: number) => ({
    ...full,
    run: `run-${day}`,
    startedAt: `2026-11-${String(day).padStart(2, "0")}T00:00:00.000Z`,
  });
  const history = [1, 2, 3].flatMap((day) => historyOf(runAt(day), known, now));

  test("adds history and runs, each run once", () => {
    const counts = countKnown({ known, history, runs: [runAt(3), runAt(4)], now, staleAfter: 4 });
    expect(counts.map(({ hits, state }) => [hits, state])).toEqual([
      [4, "active"],
      [0, "stale"],
    ]);
    expect(counts[0]?.lastHit?.run).toBe("run-4");
    expect(counts[1]?.runsSince).toBe(4);
  });
  test("waits N runs before it calls an entry stale", () => {
    const counts = countKnown({ known, history, runs: [], now, staleAfter: 4 });
    expect(counts.map(({ state }) => state)).toEqual(["active", "active"]);
  });
  test("runs of another architecture or image say nothing about an entry", () => {
    const never = "something that never happens";
    const others = list(
      entry({ pattern: never, architectures: ["aarch64"] }),
      entry({ pattern: never, images: ["iot:*"] }),
      entry({ pattern: never, architectures: ["x86_64"], images: ["reference:*"] }),
    );
    const counts = countKnown({ known: others, history, runs: [runAt(4)], now, staleAfter: 4 });
    expect(counts.map(({ runsSince, state }) => [runsSince, state])).toEqual([
      [0, "active"],
      [0, "active"],
      [4, "stale"],
    ]);
  });
  test("calls an entry expired before stale", () => {
    const over = list(entry({ until: "2026-01-01" }));
    expect(countKnown({ known: over, history: [], runs: [], now })[0]?.state).toBe("expired");
  });
  test("gives an entry a name that outlives its tracker", () => {
    expect(knownId(entry())).toBe(
      knownId(entry({ tracker: "https://example.org/9", until: "2027-01-01" })),
    );
    expect(knownId(entry())).not.toBe(knownId(entry({ step: "s" })));
  });
});

test("the list that comes with the scenarios can be read", () => {
  const path = join(import.meta.dirname, "..", "..", "scenarios", "known-failures.yaml");
  const { failures } = parseYaml(readFileSync(path, "utf8"), path, knownFailuresSchema);
  // A step that a scenario does not have would never match.
  for (const { scenario, step } of failures) {
    const file = join(import.meta.dirname, "..", "..", "scenarios", `${scenario}.ts`);
    if (step !== undefined) expect(readFileSync(file, "utf8")).toContain(step);
  }
});
