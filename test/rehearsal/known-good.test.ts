/** Before an image is blamed that does not boot on a board, a known-good one is booted there: once a run, and only then. */
import { expect, test } from "vitest";
import { type BootgateError, HostUnfit } from "../../harness/base/errors.ts";
import type { ImageFinder } from "../../harness/engine/known-good.ts";
import { type Guest, scenario } from "../../harness/index.ts";
import type { MachineDriver } from "../../harness/machine/machine.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { play, useFolder } from "./play.ts";
import { simulatedImage } from "./rehearse.ts";

useFolder();

const candidate = simulatedImage("v2", "2");
const good = simulatedImage("v1", "1");

const boots = (id: string, claim: (guest: Guest) => Promise<void> = async () => undefined) => ({
  id,
  definition: scenario({
    summary: id,
    needs: { images: ["candidate"] },
    start: "cold",
    timeoutMinutes: 5,
    async run({ images: { candidate: image }, boot, step }) {
      await using guest = await boot(image);
      await step("it holds", () => claim(guest));
    },
  }),
});

/** Two jobs on a machine that has a known-good image, of which `bad` does not boot. Which images were booted, and what was noted. */
async function playOn(
  bad: "the candidate" | "any image" | "nothing",
  more: {
    readonly find?: ImageFinder;
    readonly counts?: boolean;
    readonly claim?: (guest: Guest) => Promise<void>;
  } = {},
) {
  const world = new SimulatedWorld();
  for (const image of [good, candidate]) world.addImage(world.image(image.digest));
  const booted: string[] = [];
  const notes: (BootgateError | null)[] = [];
  const plain = createSimulatedDriver({
    world,
    ...(bad === "nothing" ? {} : { sabotage: "panics-on-boot" }),
    ...(bad === "the candidate" ? { sabotagedDigest: candidate.digest } : {}),
  });
  const driver: MachineDriver = {
    ...plain,
    word: "board:pc",
    knownGood: {
      ...{ image: "good:1", architecture: "x86_64" },
      async note(fault) {
        notes.push(fault);
        return more.counts ?? true;
      },
    },
    create: (spec, how) => {
      booted.push(spec.name);
      return plain.create(spec, how);
    },
  };
  const find: ImageFinder = async (name) => {
    expect(name).toBe("good:1");
    return good;
  };
  const { model } = await play([boots("a/one", more.claim), boots("a/two", more.claim)], {
    ...{ driver, candidate, findImage: more.find ?? find },
  });
  const [job] = model.jobs;
  const outcomes = model.jobs.map(({ outcome }) => outcome);
  return { outcomes, booted, notes, told: job?.attempts[0]?.notes };
}

test("where it boots, once for the run, the image has failed", async () => {
  const { outcomes, booted, notes, told } = await playOn("the candidate");
  expect(outcomes).toMatchObject([
    { kind: "failed", error: { type: "BootFailed" } },
    { kind: "failed", error: { type: "BootFailed" } },
  ]);
  expect(booted).toEqual(["candidate", "known-good", "candidate"]);
  expect(notes).toEqual([null]);
  expect(told).toContain(
    "The known-good image 'good:1' boots on 'board:pc', so what the candidate does there is its own.",
  );
});

test("where it does not boot either, the machine is broken, and the words of both are told", async () => {
  const { outcomes, booted, notes } = await playOn("any image");
  const error = {
    type: "MachineFault",
    headline: expect.stringMatching(
      /^The known-good image 'good:1' did not boot on 'board:pc' either: .*known-good.* did not boot/,
    ) as string,
    message: expect.stringMatching(/\n {2}candidate +.*'candidate'.* did not boot/) as string,
  };
  expect(outcomes).toMatchObject([
    { kind: "broken", error },
    { kind: "broken", error },
  ]);
  expect(booted).toEqual(["candidate", "known-good", "candidate"]);
  expect(notes).toHaveLength(1);
});

test.each<[string, Parameters<typeof playOn>[1]]>([
  [
    "it cannot be had",
    {
      find: async () => {
        throw new HostUnfit("The registry is away.");
      },
    },
  ],
  ["what it did says nothing of the machine", { counts: false }],
])("where %s, nobody can tell whose fault it is", async (_, more) => {
  const { outcomes } = await playOn("any image", more);
  for (const outcome of outcomes)
    expect(outcome).toMatchObject({
      kind: "broken",
      error: {
        type: "CannotTell",
        headline:
          "The candidate did not boot on 'board:pc', and nobody can tell whether a known-good image does.",
      },
    });
});

test("what fails in a guest that has answered is not the machine's, and a boot that passes needs no check", async () => {
  const claim = async (guest: Guest): Promise<void> => void (await guest.run`false`);
  const failed = await playOn("nothing", { claim });
  expect(failed.outcomes.map(({ kind }) => kind)).toEqual(["failed", "failed"]);
  expect(failed.booted).toEqual(["candidate", "candidate"]);
  const passed = await playOn("nothing");
  expect(passed.outcomes.map(({ kind }) => kind)).toEqual(["passed", "passed"]);
  expect(passed.booted).toEqual(["candidate", "candidate"]);
});
