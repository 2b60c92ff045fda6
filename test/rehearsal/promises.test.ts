/** What an image promises, from the catalogue to the outcome of a scenario about it. */
import { describe, expect, test } from "vitest";
import { errorOf } from "../../harness/log/model-schema.ts";
import type { CatalogueWord } from "../../images/image.ts";
import type { SabotageName } from "../simulated/sabotages.ts";
import { type RehearsalOptions, rehearse } from "./rehearse.ts";

const promising: CatalogueWord = { entry: "silverblue", promises: ["composefs"], lacks: [] };
const lacking: CatalogueWord = { entry: "lxqt", promises: [], lacks: ["composefs"] };
const silent: CatalogueWord = { entry: "mine", promises: [], lacks: [] };
const words = "promise    The catalogue says that silverblue promises composefs.";

describe("a scenario about a promise", () => {
  test("is skipped, with the reason, where the image is known not to make it", async () => {
    const { outcome } = await rehearse("composefs/root", null, { catalogue: lacking });
    expect(outcome).toEqual({
      kind: "skipped",
      reason: "The catalogue says that lxqt does not promise composefs.",
    });
  });

  test.each([
    ["makes it", { catalogue: promising }],
    ["is not known to make it", { catalogue: silent }],
    ["is not in the catalogue", {}],
  ])("runs where the image %s", async (_, options) => {
    expect((await rehearse("composefs/root", null, options)).outcome.kind).toBe("passed");
  });

  test("fails on the image that breaks it, and says that it was promised", async () => {
    const job = await rehearse("composefs/root", "no-composefs", { catalogue: promising });
    expect(job.outcome.kind).toBe("failed");
    const error = errorOf(job.outcome);
    expect(error?.message).toContain(words);
    // Known failures are looked for in the headline; nothing of the catalogue is in it.
    expect(error?.headline).not.toContain("catalogue");
  });

  test("speaks of no promise where none was made, or where the guest did not even boot", async () => {
    const unknown = await rehearse("composefs/root", "no-composefs", { catalogue: silent });
    expect(unknown.outcome.kind).toBe("failed");
    expect(errorOf(unknown.outcome)?.message).not.toContain("catalogue");
    const panicked = await rehearse("composefs/root", "panics-on-boot", { catalogue: promising });
    expect(errorOf(panicked.outcome)?.message).not.toContain("promises");
    const health = await rehearse("boot/health", "failed-unit", { catalogue: promising });
    expect(errorOf(health.outcome)?.message).not.toContain("promises");
  });
});

describe("an installed disk", () => {
  const stories = async (word: CatalogueWord, sabotage: SabotageName | null = null) => {
    const job = await rehearse("install/kickstart", sabotage, { catalogue: word });
    const steps = job.attempts.flatMap((attempt) => attempt.steps);
    const bad = steps.filter(({ outcome }) => outcome.kind !== "passed").map(({ name }) => name);
    return { kind: job.outcome.kind, bad, names: steps.map(({ name }) => name) };
  };
  const all: CatalogueWord = {
    ...{ entry: "silverblue", lacks: [] },
    promises: ["composefs", "static-grub", "bootupd"],
  };
  const [grub, bootupd] = ["GRUB's configuration is static", "bootupd knows what it installed"];

  test("is asked for what its image promises, and for nothing that it is known to lack", async () => {
    const { kind, names } = await stories(all);
    expect(kind).toBe("passed");
    expect(names).toEqual(expect.arrayContaining(["/ is mounted from composefs", grub, bootupd]));
    const without = await stories(lacking);
    expect(without.kind).toBe("passed");
    expect(without.names.join()).not.toMatch(/composefs|GRUB|bootupd/);
  });

  test("that bootupd knows nothing of has failed where bootupd is promised, and is skipped else", async () => {
    const judged = async (word: CatalogueWord) =>
      (await rehearse("bootupd/status", "bootupd-empty", { catalogue: word })).outcome;
    expect(errorOf(await judged(all))?.message).toMatch(/does not know the component EFI/);
    expect(await judged(silent)).toMatchObject({
      kind: "skipped",
      reason: expect.stringMatching(/not installed/),
    });
  });

  test.each([
    ["bootupd/drift", "bootupd-empty", /was not installed by bootupd/],
    ["bootupd/adopt", "bootupd-empty", /was not installed by bootupd/],
    ["bootupd/adopt", "esp-differs", /No EFI system partition has the image's payload/],
    ["grub/mkconfig-leftovers", "bootupctl-missing", /does not have bootupctl/],
    ["grub/migrate", "bootupctl-missing", /does not have bootupctl/],
    ["grub/migrate-at-boot", "bootupctl-missing", /does not have bootupctl/],
  ] as const)(
    "that %s has nothing to judge on has failed where bootupd is promised, and is skipped else: %s",
    async (id, sabotage, words) => {
      const promised = await rehearse(id, sabotage, { catalogue: all });
      expect(promised.outcome.kind).toBe("failed");
      expect(errorOf(promised.outcome)?.message).toMatch(words);
      expect((await rehearse(id, sabotage, { catalogue: silent })).outcome).toEqual({
        kind: "skipped",
        reason: expect.stringMatching(words),
      });
    },
  );

  test.each([
    ["grub-scripted", grub],
    ["bootupd-empty", bootupd],
  ] as const)("fails where the promise is broken: %s", async (sabotage, step) => {
    expect(await stories(all, sabotage)).toMatchObject({ kind: "failed", bad: [step] });
    expect((await stories(silent, sabotage)).kind).toBe("passed");
  });
});

describe("a bootc that is too old for soft reboots", () => {
  const softly: CatalogueWord = { entry: "mine", promises: ["soft-reboot"], lacks: [] };
  const words = /does not have --soft-reboot/;
  const judged = async (options: RehearsalOptions) =>
    (await rehearse("bootc/soft-reboot", null, { world: { bootc: "1.1.4" }, ...options })).outcome;

  test("has failed where it is the candidate's own, and the candidate promises them", async () => {
    const outcome = await judged({ catalogue: softly, isPreviousDerived: true });
    expect(outcome.kind).toBe("failed");
    expect(errorOf(outcome)?.message).toMatch(words);
  });

  test.each<[string, RehearsalOptions]>([
    ["the previous image's", { catalogue: softly }],
    ["the candidate's own, which promises nothing", { catalogue: silent, isPreviousDerived: true }],
  ])("is a reason to skip where it is %s", async (_, options) => {
    expect(await judged(options)).toEqual({
      kind: "skipped",
      reason: expect.stringMatching(words),
    });
  });
});
