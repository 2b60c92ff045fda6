/**
 * Every scenario passes on the good simulated guest, and fails on each sabotage meant for it, in the right step and
 * with the right blame. A scenario without a sabotage here is a check that nobody has seen fail.
 */
import { describe, expect, test } from "vitest";
import { discoverScenarios } from "../../harness/engine/discover.ts";
import { rehearse, rehearseStory, storyOf } from "./rehearse.ts";
import { onlyOn, skipped, table } from "./scenario-table.ts";

test("every scenario has a sabotage that it must catch", async () => {
  const ids = (await discoverScenarios()).map(({ id }) => id);
  expect(Object.keys(table).sort()).toEqual([...ids].sort());
});

const oldBootc = { bootc: "1.1.4" } as const;

test.each(Object.entries(skipped))(
  "on %s what cannot be judged is skipped",
  async (kind, stories) => {
    const world = kind === "old" ? oldBootc : { kind: kind as "bootc" | "bootc-composefs" };
    for (const [id, reason] of Object.entries(stories)) {
      const { outcome, attempts } = await rehearse(id, null, { world, start: "fork" });
      expect(outcome).toEqual({ kind: "skipped", reason: expect.stringMatching(reason) });
      expect(attempts).toHaveLength(1);
    }
  },
);

const backends = ["bootc", "bootc-composefs"] as const;

describe.each(backends)("a system of %s", (kind) => {
  const played = Object.entries(table).filter(([id]) => skipped[kind]?.[id] === undefined);
  describe.each(played)("%s", (id, sabotages) => {
    test("passes on the good guest", async () => {
      const story = await storyOf(id);
      const job = await rehearseStory(story, null, { world: { kind }, pulledBytes: async () => 1 });
      const measured = job.attempts.flatMap((attempt) => attempt.measures.map(({ name }) => name));
      expect(measured).toEqual(expect.arrayContaining([...(story.definition.measures ?? [])]));
      const steps = job.attempts.flatMap((attempt) => attempt.steps);
      expect(steps.filter((step) => step.outcome.kind !== "passed")).toEqual([]);
      expect(job.outcome).toEqual({ kind: "passed" });
    });

    const own = onlyOn[kind][id] ?? [];
    test.each([...sabotages, ...own])(
      "does not pass when the guest %s",
      async (sabotage, outcome, step) => {
        const job = await rehearse(id, sabotage, { world: { kind } });
        expect(job.outcome.kind, JSON.stringify(job.outcome).slice(0, 1500)).toBe(outcome);
        const steps = job.attempts.at(-1)?.steps;
        const culprit = steps?.find(({ outcome: { kind: ended } }) => ended !== "passed");
        expect(culprit?.name).toMatch(step);
      },
    );
  });
});

test.each([
  ["bootc", "ostree-finalize-staged"],
  ["bootc-composefs", "bootc-finalize-staged"],
] as const)("the finalisation's journal of %s is in the message", async (kind, unit) => {
  const { outcome } = await rehearse("bootc/staged-is-booted", "stays-on-old", { world: { kind } });
  expect(outcome.kind === "failed" && outcome.error.message).toMatch(
    new RegExp(`finalising +\\S.*${unit}`),
  );
});

describe("a system that bootc did not deploy", () => {
  const bootcStories = Object.keys(table).filter((id) => id.startsWith("bootc/"));

  test.each(["rpm-ostree", "ostree", "package"] as const)("boots well: %s", async (kind) => {
    expect((await rehearse("boot/health", null, { world: { kind } })).outcome).toEqual({
      kind: "passed",
    });
  });

  test.each([...bootcStories, "composefs/root"])("is told apart by %s", async (id) => {
    const { outcome, attempts } = await rehearse(id, null, { world: { kind: "package" } });
    if (outcome.kind !== "failed") throw new Error(`The outcome is ${outcome.kind}.`);
    expect(outcome.error.headline).toBe("This is not a bootc or ostree system.");
    expect(outcome.error.message).toMatch(/\/run\/ostree-booted is not there/);
    expect(attempts.flatMap(({ steps }) => steps).length).toBeLessThanOrEqual(2);
  });

  test.each([
    ["rpm-ostree", "This is an rpm-ostree system without bootc."],
    ["ostree", "This is an ostree system without bootc."],
  ] as const)("is named: %s", async (kind, headline) => {
    for (const id of ["bootc/status", "bootc/upgrade-rollback"]) {
      const { outcome } = await rehearse(id, null, { world: { kind } });
      expect(outcome).toMatchObject({ kind: "failed", error: { headline } });
    }
    // A composefs root needs no bootc.
    const { outcome } = await rehearse("composefs/root", null, { world: { kind } });
    expect(outcome).toEqual({ kind: "passed" });
  });
});

describe("an image with a bootc older than 1.1.7", () => {
  const played = Object.keys(table).filter((id) => skipped.old?.[id] === undefined);
  test.each(played)("passes %s", async (id) => {
    const { outcome, attempts } = await rehearse(id, null, { world: oldBootc });
    expect(outcome).toEqual({ kind: "passed" });
    if (id === "bootc/status")
      expect(attempts[0]?.notes).toContain(
        "This bootc does not tell the image's architecture (it does since 1.1.7).",
      );
  });
});

describe("the composefs backend of bootc 1.17, whose kernel arguments name images otherwise", () => {
  const stories = Object.keys(table).filter((id) => /^(?:bootc|composefs)\//.test(id));
  test.each(stories.filter((id) => skipped["bootc-composefs"]?.[id] === undefined))(
    "passes %s",
    async (id) => {
      const world = { kind: "bootc-composefs", bootc: "1.17.0" } as const;
      expect((await rehearse(id, null, { world })).outcome).toEqual({ kind: "passed" });
    },
  );
});

test("a release that has the mend is not excused where it stages a refused update", async () => {
  for (const [bootc, headline] of [
    ["1.16.9", "The refused update is staged, as by all releases before the mend."],
    ["1.17.0", "Guest 'candidate' does not have the expected staged deployment."],
  ] as const) {
    const { outcome } = await rehearse("bootc/bound-images", "bound-staged", { world: { bootc } });
    expect(outcome).toMatchObject({ kind: "failed", error: { headline } });
  }
});

test("an image that ships no configuration for its installation passes bootc/install-config", async () => {
  const { outcome } = await rehearse("bootc/install-config", null, {
    world: { lacksInstallConfig: true },
  });
  expect(outcome).toEqual({ kind: "passed" });
});

test.each(["bootc/switch-oci", "bootc/switch-oci-archive"])(
  "%s does not put an image with Docker's own manifest into an OCI layout",
  async (id) => {
    const { outcome, attempts } = await rehearse(id, null, { hasDockerManifests: true });
    const reason = expect.stringMatching(/'simulated:v2'.* Docker's own manifest/);
    expect(outcome).toEqual({ kind: "skipped", reason });
    expect(attempts[0]?.steps).toEqual([]);
  },
);

test("a bootc that refuses to switch a layered host is as good as one that drops the layers", async () => {
  const { outcome, attempts } = await rehearse("layers/switch-drops", null, {
    world: { refusesLayeredSwitch: true },
  });
  expect(outcome).toEqual({ kind: "passed" });
  expect(attempts[0]?.notes.join()).toMatch(/refuses to switch a host with layered packages/);
});
