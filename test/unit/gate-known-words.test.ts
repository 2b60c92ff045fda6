/** Whose words count: a known failure is looked for in the harness's own, and in the guest's only where it is asked for. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BootFailed, ExpectationFailed, quoting, reportError } from "../../harness/base/errors.ts";
import type { ErrorReport } from "../../harness/base/outcome.ts";
import { expectThat } from "../../harness/engine/expect.ts";
import {
  type KnownFailure,
  knownFailuresSchema,
  matchKnown,
} from "../../harness/gate/known/known-failures.ts";
import { runEvent } from "../../harness/log/events.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { smallEvents } from "../golden/gate-runs.ts";

const now = new Date("2026-11-21T12:00:00Z");
const step = "boots the candidate";
const finalised = "Timed out waiting for ostree-finalize-staged to be finalized";
const entry = {
  scenario: "boot/health",
  pattern: "Timed out waiting for * to be finalized",
  tracker: "https://example.org/issues/1",
  until: "2026-12-31",
} as const;

/** The job of a run that failed with this error, by way of the log. */
function hitOf(error: ErrorReport, more: Partial<KnownFailure> = {}) {
  const events = smallEvents({ fates: { "boot/health": "failed" } }).map((event) => {
    if (!("outcome" in event) || event.outcome.kind !== "failed") return event;
    return runEvent.parse(
      JSON.parse(JSON.stringify({ ...event, outcome: { kind: "failed", error } })),
    );
  });
  const [job] = foldRun(events).jobs;
  if (job === undefined) throw new Error("no job");
  const list = knownFailuresSchema.parse({ version: 1, failures: [{ ...entry, ...more }] });
  return matchKnown(list, job, now);
}

const thrown = (run: () => void): ErrorReport => {
  try {
    run();
  } catch (error) {
    return reportError(error);
  }
  throw new Error("It held.");
};

const console = `"[ 31.4] Kernel panic - not syncing: ${finalised}" at 31.4 s`;
const panicked = reportError(
  new BootFailed("Guest 'v2' did not boot: the kernel panicked.", {
    stage: "kernel",
    details: { console },
  }),
);
const unit = `${finalised}.service`;
const unitFailed = thrown(() => expectThat(false, quoting`${1} unit(s) failed at boot: ${unit}.`));
const stderr = reportError(
  new ExpectationFailed("'bootc upgrade' in guest 'v2' ended with exit code 1.", {
    details: { stderr: finalised },
  }),
);
const forged: [string, ErrorReport][] = [
  ["the console of a panic", panicked],
  ["the output of a command", stderr],
  ["a name in the headline", unitFailed],
  ["an error that is not ours", reportError(new SyntaxError(`Unexpected "${finalised}"`))],
  ["what is thrown and no error", reportError(finalised)],
];

describe.each(forged)("the words in %s", (_, error) => {
  test("excuse nothing", () => {
    expect(error.message).toContain(finalised);
    expect(hitOf(error)).toBeNull();
    expect(hitOf(error, { step })).toBeNull();
    expect(hitOf(error, { in: "headline", step })).toBeNull();
  });
  test("excuse where the list asks for them, in their step and no other", () => {
    expect(hitOf(error, { in: "message", step })?.words).toContain(finalised);
    expect(hitOf(error, { in: "message", step: "start-up settles" })).toBeNull();
  });
});

test("the harness's words around a quotation are found", () => {
  const hit = hitOf(unitFailed, { pattern: "unit(s) failed at boot" });
  expect(hit?.words).toBe("… unit(s) failed at boot: ….");
  expect(unitFailed.headline).toBe(`1 unit(s) failed at boot: ${unit}.`);
});

test("a quotation cannot be put together with the words around it", () => {
  const said = "boot: Timed out waiting for us";
  const error = thrown(() => expectThat(false, quoting`It says '${said}' to be finalized.`));
  expect(hitOf(error)).toBeNull();
});

test("a pattern does not go from one line of a message to the next", () => {
  const words = { in: "message", step } as const;
  expect(
    hitOf(panicked, { ...words, pattern: "the kernel panicked*Timed out waiting" }),
  ).toBeNull();
  expect(hitOf(panicked, { ...words, pattern: "Kernel panic*Timed out waiting" })).not.toBeNull();
});

test("an older log, which does not tell what is quoted, is searched by its headlines", () => {
  const { ownWords: _, ...older } = unitFailed;
  expect(hitOf({ ...older, message: `${older.headline}\n  unit  other` })).not.toBeNull();
  expect(hitOf({ ...older, headline: "1 unit(s) failed at boot." })).toBeNull();
});

test("an entry that asks for the guest's words has to name the step", () => {
  const parsed = knownFailuresSchema.safeParse({
    version: 1,
    failures: [{ ...entry, in: "message" }],
  });
  expect(parsed.error?.issues).toMatchObject([
    {
      path: ["failures", 0, "step"],
      message: expect.stringMatching(/^expected the name of the step .* anything the guest prints/),
    },
  ]);
});

test("scenarios write sentences with something in them by `quoting`", () => {
  const folder = join(import.meta.dirname, "..", "..", "scenarios");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const bare = files
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => {
      const text = readFileSync(join(folder, name), "utf8");
      const sentences = /(?:expectThat\(|Failed\()[^`"]*?(quoting)?(`[^`]*`|"[^"]*")/g;
      return [...text.matchAll(sentences)]
        .filter(([, tag, sentence]) => tag === undefined && sentence?.includes("${") === true)
        .map(([, , sentence]) => `${name}: ${sentence}`);
    });
  expect(bare).toEqual([]);
});
