/** What the first scenario says of a system with many failed units. */

import { expect, test } from "vitest";
import { messageOf } from "../../harness/base/errors.ts";
import health from "../../scenarios/boot/health.ts";

/** The words of the failure when these units have failed. */
async function wordsFor(units: readonly string[]): Promise<string> {
  const guest = {
    systemd: { settled: async () => "degraded", failedUnits: async () => units },
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
    (error: unknown) => messageOf(error),
  );
}

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
