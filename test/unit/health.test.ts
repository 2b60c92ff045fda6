/** What the first scenario says of a system with many failed units. */

import { describe, expect, test } from "vitest";
import { CannotTell, ExpectationFailed, messageOf } from "../../harness/base/errors.ts";
import health from "../../scenarios/boot/health.ts";

interface Seen {
  readonly network?: "closed" | "open";
  readonly stuck?: readonly string[];
  readonly needNetwork?: readonly string[];
  readonly faults?: readonly { readonly name: string; readonly line: string }[];
}

/** The error when these units have failed; "passed" where there is none. */
async function errorFor(units: readonly string[], seen: Seen = {}): Promise<unknown> {
  const { network = "open", stuck = [], needNetwork = [], faults = [] } = seen;
  const guest = {
    machine: { network },
    systemd: {
      settled: async () => (units.length > 0 ? "degraded" : "running"),
      failedUnits: async () => units,
      stuckUnits: async () => stuck,
      needNetwork: async (asked: readonly string[]) =>
        asked.filter((unit) => needNetwork.includes(unit)),
      journalFaults: async () => ({ faults, unread: null }),
    },
    files: { read: async () => null },
    [Symbol.asyncDispose]: async () => undefined,
  };
  const stage = {
    images: {},
    boot: async () => guest,
    step: (_claim: string, body: () => Promise<unknown>) => body(),
    note: () => undefined,
  };
  return health.run(stage as unknown as Parameters<typeof health.run>[0]).then(
    () => "passed",
    (error: unknown) => error,
  );
}

const wordsFor = async (units: readonly string[]): Promise<string> =>
  messageOf(await errorFor(units));

test("names them all while they are few", async () => {
  expect(await wordsFor(["a.service", "b.mount"])).toBe(
    "2 unit(s) failed at boot: a.service, b.mount.",
  );
});

test("names the first of many, and none in full that is longer than a name may be", async () => {
  const words = await wordsFor(Array.from({ length: 50_000 }, (_, place) => `u${place}.service`));
  expect(words).toMatch(
    /^50000 unit\(s\) failed at boot: u0\.service, .*, u19\.service, and 49980 more\.$/,
  );
  expect((await wordsFor([`${"x".repeat(3_000_000)}.service`])).length).toBeLessThan(200);
});

describe("a unit that needs a network", () => {
  const [own, online] = ["own.service", "preinstall.service"];
  const needNetwork = [online];

  test.each([
    ["failed", [online], []],
    ["is stuck", [], [online]],
  ])("and %s cannot be judged where the harness has closed it", async (_, units, stuck) => {
    const error = await errorFor(units, { network: "closed", stuck, needNetwork });
    expect(error).toBeInstanceOf(CannotTell);
    expect(messageOf(error)).toMatch(
      /^1 unit\(s\) that need a network failed or are stuck, .* preinstall\.service\.\n.*--network open/,
    );
    const open = await errorFor(units, { network: "open", stuck, needNetwork });
    expect(open).toBeInstanceOf(ExpectationFailed);
  });

  test("excuses no other unit, and no line of the journal", async () => {
    const closed = { network: "closed", needNetwork } as const;
    const failed = await errorFor([online, own], closed);
    expect(messageOf(failed)).toBe("1 unit(s) failed at boot: own.service.");
    expect(failed).toBeInstanceOf(ExpectationFailed);
    const stuck = await errorFor([online], { ...closed, stuck: [own] });
    expect(stuck).toBeInstanceOf(ExpectationFailed);
    const fault = { name: "segfault", line: "a[1]: segfault at 0" };
    const faulty = await errorFor([online], { ...closed, faults: [fault] });
    expect(messageOf(faulty)).toMatch(/^The journal of this boot has fatal lines\./);
  });

  test("and is greenboot's own health check has its lines in the journal", async () => {
    const unit = "greenboot-healthcheck.service";
    const faults = [{ name: "greenboot-red", line: "greenboot[8]: Boot Status is RED" }];
    const closed = { network: "closed", faults } as const;
    const error = await errorFor([unit], { ...closed, needNetwork: [unit] });
    expect(error).toBeInstanceOf(CannotTell);
    expect(await errorFor([unit], closed)).toBeInstanceOf(ExpectationFailed);
    expect(await errorFor([], closed)).toBeInstanceOf(ExpectationFailed);
  });
});
