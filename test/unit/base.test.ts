/** The words everyone uses. */

import { describe, expect, test } from "vitest";
import { eachTenth } from "../../harness/base/each-tenth.ts";
import {
  BootFailed,
  CommandFailed,
  ExpectationFailed,
  firstError,
  GuestLost,
  HostUnfit,
  outcomeOf,
} from "../../harness/base/errors.ts";
import { commandLine, quoteArgument } from "../../harness/base/quote.ts";
import {
  asDigest,
  durationWord,
  formatBytes,
  formatDuration,
  longestTimerMs,
  parseDuration,
} from "../../harness/base/units.ts";
import { waitFor } from "../../harness/base/wait.ts";

describe("errors", () => {
  test.each([
    [new ExpectationFailed("x"), "failed"],
    [new CommandFailed("x"), "failed"],
    [new BootFailed("x", { stage: "kernel" }), "failed"],
    [new HostUnfit("x"), "broken"],
    [new GuestLost("x"), "broken"],
    [new TypeError("a bug of ours"), "broken"],
    ["a thrown string", "broken"],
  ])("%s is %s", (error, kind) => {
    expect(outcomeOf(error).kind).toBe(kind);
  });

  test("a message is headline, labelled lines, where to look", () => {
    const error = new HostUnfit("No disk.", {
      lookAt: "df",
      details: { "last try": "two\nlines", none: undefined },
    });
    expect(error.message).toMatchInlineSnapshot(`
      "No disk.
        last try   two
                   lines
        look at    df"
    `);
  });

  test("what a disposer hides is the error that is reported", async () => {
    const run = async (): Promise<void> => {
      await using _guest = {
        [Symbol.asyncDispose]: async () => {
          throw new Error("close failed");
        },
      };
      throw new ExpectationFailed("body failed");
    };
    const caught = await run().catch((error: unknown) => error);
    expect((firstError(caught) as Error).message).toBe("body failed");
    expect(outcomeOf(caught).kind).toBe("failed");
  });
});

describe("quoting", () => {
  test.each([
    ["plain", "plain"],
    ["", "''"],
    ["two words", "'two words'"],
    ["it's", "'it'\\''s'"],
    ["$(reboot)", "'$(reboot)'"],
    ["*.conf", "'*.conf'"],
    ["a\nb", "'a\nb'"],
  ])("%j becomes one argument", (value, quoted) => {
    expect(quoteArgument(value)).toBe(quoted);
  });

  test("a NUL is refused", () => {
    expect(() => quoteArgument("a\0b")).toThrow(RangeError);
  });

  test("an array is several arguments", () => {
    const line = (parts: TemplateStringsArray, ...values: (string | string[])[]) =>
      commandLine(parts, values);
    expect(line`ls ${["a b", "c"]} | wc ${"-l"}`).toBe("ls 'a b' c | wc -l");
  });
});

describe("units", () => {
  test.each([
    ["90s", 90_000],
    ["45m", 2_700_000],
    ["1h30m", 5_400_000],
    ["", null],
    ["45", null],
    ["m", null],
    ["576h", 24 * 86_400_000],
    ["577h", null],
    [`${"9".repeat(400)}h`, null],
  ])("%j is a duration of %s ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test("every duration that can be asked for is one that a timer can keep", () => {
    expect(parseDuration("576h")).toBeLessThan(longestTimerMs);
  });

  test.each(["90s", "45m", "1h30m", "25h", "576h", "1h0m1s"])(
    "%s is written as it is read",
    (text) => {
      expect(parseDuration(durationWord(parseDuration(text) ?? 0))).toBe(parseDuration(text));
    },
  );

  test("a duration is written as a person would", () => {
    expect([90_000, 2_700_000, 3_601_000, 0].map(durationWord)).toEqual([
      "1m30s",
      "45m",
      "1h1s",
      "0s",
    ]);
  });

  test("durations and bytes read well", () => {
    expect([12, 8320, 252_000].map(formatDuration)).toEqual(["12 ms", "8.3 s", "4 min 12 s"]);
    expect([512, 3_565_158].map(formatBytes)).toEqual(["512 B", "3.4 MiB"]);
  });

  test("a digest is checked", () => {
    expect(() => asDigest("sha256:abc")).toThrow(/Expected a digest/);
  });
});

describe("waiting", () => {
  const signal = new AbortController().signal;

  test("gives the value as soon as it is there", async () => {
    let tries = 0;
    const probe = async (): Promise<number | undefined> => (++tries === 3 ? tries : undefined);
    await expect(
      waitFor({ what: "three", probe, timeoutMs: 5000, intervalMs: 1, signal }),
    ).resolves.toBe(3);
  });

  test("says what did not come, how often it looked and what it saw last", async () => {
    const probe = async (): Promise<undefined> => {
      throw new Error("connect ECONNREFUSED");
    };
    const wait = waitFor({
      what: "ssh",
      probe,
      timeoutMs: 30,
      intervalMs: 5,
      hint: "console.log",
      signal,
    });
    await expect(wait).rejects.toThrow(
      /^Waited 30 ms for ssh; it did not come\.\n {2}last try {3}connect ECONNREFUSED \(\d+ tries\)\n {2}look at {4}console\.log$/,
    );
  });

  test("ends at once when waiting is useless", async () => {
    const giveUpWhen = Promise.reject(new BootFailed("panic", { stage: "kernel" }));
    const wait = waitFor({
      what: "ssh",
      probe: async () => undefined,
      timeoutMs: 60_000,
      signal,
      giveUpWhen,
    });
    await expect(wait).rejects.toThrow("panic");
  });

  test("ends at once on abort, with the reason", async () => {
    const stop = new AbortController();
    const wait = waitFor({
      what: "ssh",
      probe: async () => undefined,
      timeoutMs: 60_000,
      signal: stop.signal,
    });
    stop.abort(new HostUnfit("stopped"));
    await expect(wait).rejects.toThrow("stopped");
  });
});

test("progress is a line for each tenth, none for the last, and none before its time has come", () => {
  const told: number[] = [];
  const each = eachTenth((done) => told.push(done));
  for (let done = 0; done <= 1000; done += 5) each(done, 1000);
  each(0, 0);
  expect(told).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900]);
  const quick = eachTenth(() => told.push(-1), 60_000);
  for (let done = 0; done <= 1000; done += 5) quick(done, 1000);
  expect(told).toHaveLength(9);
});
