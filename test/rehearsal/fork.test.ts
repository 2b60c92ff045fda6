/** Forks are a shortcut of ours: a restore that fails boots cold, and what does not pass on a fork is checked cold. */
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { ExpectationFailed, MachineFault } from "../../harness/base/errors.ts";
import { scenario } from "../../harness/index.ts";
import type { Templates } from "../../harness/machine/machine.ts";
import { withForks, withTemplate } from "./fork-driver.ts";
import { rehearseStory } from "./rehearse.ts";

const story = (claim: (boots: number) => void) => {
  let boots = 0;
  return scenario({
    summary: "s",
    needs: { images: ["candidate"] },
    timeoutMinutes: 30,
    async run({ images: { candidate }, boot, step }) {
      await using _guest = await boot(candidate);
      boots++;
      await step("holds", async () => claim(boots));
    },
  });
};

describe("a restore that fails", () => {
  test("forgets the template, boots cold and says so", async () => {
    const forgotten: string[] = [];
    const broken: Templates["fork"] = async () => {
      throw new MachineFault("The state does not fit this QEMU.");
    };
    const definition = story(() => undefined);
    const job = await rehearseStory({ id: "test/restore", definition }, null, {
      start: "fork",
      driver: (driver) => withTemplate(driver, broken, forgotten),
    });
    expect(job.outcome).toEqual({ kind: "passed" });
    expect(forgotten).toEqual(["key"]);
    expect(job.attempts[0]?.notes).toEqual([
      expect.stringMatching(/boots cold: The state does not fit this QEMU/),
    ]);
    expect(job.attempts[0]?.guests[0]?.start).toBe("cold");
  });
});

describe("the time of a boot", () => {
  test("begins at power-on, not with a fork that takes long to fail", async () => {
    let failedAt = 0;
    const slow: Templates["fork"] = async () => {
      await delay(200);
      failedAt = performance.now();
      throw new MachineFault("The state does not fit this QEMU.");
    };
    let sinceMs = 0;
    const definition = story(() => {
      sinceMs = performance.now() - failedAt;
    });
    const job = await rehearseStory({ id: "test/slow-fork", definition }, null, {
      start: "fork",
      driver: (driver) => withTemplate(driver, slow),
    });
    const [attempt] = job.attempts;
    const measured = attempt?.measures.find(({ name }) => name === "boot.seconds")?.value;
    expect(measured).toBeLessThan(sinceMs / 1000);
    expect(attempt?.guests[0]?.readyMs).toBeLessThan(sinceMs);
  });
});

describe("what does not pass on a fork", () => {
  const play = (claim: (boots: number) => void) =>
    rehearseStory({ id: "test/fork", definition: story(claim) }, null, {
      start: "fork",
      driver: withForks,
    });

  test("and passes cold is not held against the image, and is shown", async () => {
    const job = await play((boots) => {
      if (boots === 1) throw new ExpectationFailed("only on the fork");
    });
    expect(job.flaky).toBe(true);
    expect(job.attempts.map(({ guests }) => guests[0]?.start)).toEqual(["fork", "cold"]);
    expect(job.attempts.map(({ outcome }) => outcome.kind)).toEqual(["failed", "passed"]);
  });

  test("nor cold is the image's fault", async () => {
    const job = await play(() => {
      throw new ExpectationFailed("always");
    });
    expect(job.outcome.kind).toBe("failed");
    expect(job.attempts.length).toBe(2);
  });

  test("is not run again when it passes", async () => {
    const job = await play(() => undefined);
    expect(job.attempts.map(({ guests }) => guests[0]?.start)).toEqual(["fork"]);
  });
});

test("a guest whose writes are recorded boots cold, where others are forked", async () => {
  const recorded = scenario({
    summary: "s",
    needs: { images: ["candidate"], capabilities: ["write-log"] },
    timeoutMinutes: 30,
    async run({ images: { candidate }, boot, step }) {
      await using guest = await boot(candidate);
      await step("has a record", async () => void (await guest.machine.recorded()));
    },
  });
  for (const [definition, start] of [
    [recorded, "cold"],
    [story(() => undefined), "fork"],
  ] as const) {
    const job = await rehearseStory({ id: "test/recorded", definition }, null, {
      start: "fork",
      driver: withForks,
    });
    expect(job.outcome).toEqual({ kind: "passed" });
    expect(job.attempts[0]?.guests[0]?.start).toBe(start);
  }
});
