import { expect, test } from "vitest";
import { imageRunsOf, imageRunWords } from "../../harness/cli/wiring/image-runs.ts";
import type { RunEvent } from "../../harness/log/events.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { at, digest, jobFacts, runStarted } from "../golden/report-events.ts";

const image = (name: string, digit: string) => ({
  name,
  digest: digest(digit),
  architecture: "x86_64",
  standIns: [],
});
const played = (job: string, outcome: "passed" | "broken", boots = true): RunEvent[] => [
  { type: "job-started", at: at(1), job, attempt: 1 },
  ...(boots
    ? [
        {
          type: "guest-started" as const,
          at: at(2),
          job,
          guest: "candidate",
          image: "x",
          start: "cold" as const,
          accelerator: "tcg",
          readyMs: 1000,
          console: "c",
        },
      ]
    : []),
  {
    type: "job-ended",
    at: at(3),
    job,
    attempt: 1,
    outcome:
      outcome === "passed"
        ? { kind: "passed" }
        : { kind: "broken", error: { type: "HostUnfit", headline: "h", message: "h" } },
    durationMs: 1,
  },
];

test("an image counts as run where a guest of it booted and a job passed or failed", () => {
  const jobs = ["a", "b", "c", "d"].map((scenario, index) =>
    jobFacts(scenario, {
      images: {
        candidate: image(
          ["silverblue:43", "kinoite:43@sha256:1", "iot:44", "aurora:stable"][index] ?? "",
          "2",
        ),
        previous: image("coreos:stable", "3"),
      },
    }),
  );
  const [a = "", b = "", c = "", d = ""] = jobs.map(({ id }) => id);
  const model = foldRun([
    runStarted(jobs),
    ...played(a, "passed"),
    ...played(b, "passed"),
    ...played(c, "broken"),
    ...played(d, "passed", false),
    { type: "run-ended", at: at(9) },
  ]);
  const names = [
    "silverblue:43",
    "silverblue:44",
    "kinoite:43",
    "iot:44",
    "aurora:stable",
    "coreos:stable",
  ];
  expect(
    imageRunsOf(model, names).map(({ name, passed, failed }) => [name, passed, failed]),
  ).toEqual([
    ["silverblue:43", 1, 0],
    ["kinoite:43", 1, 0],
  ]);
  // By its digest too, however it was named.
  expect(imageRunsOf(model, [digest("2")])).toHaveLength(1);
  expect(imageRunWords(imageRunsOf(model, names)[0] ?? null)).toBe(
    "2026-11-21: 1 passed, 0 failed",
  );
  expect(imageRunWords(null)).toBe("not yet run");
});
