/** Whose fault it is when something around the guest fails: never the image's. */
import { describe, expect, test } from "vitest";
import { ExpectationFailed, MachineFault } from "../../harness/base/errors.ts";
import { scenario } from "../../harness/index.ts";
import { changed, withMachines } from "./machines.ts";
import { rehearseStory } from "./rehearse.ts";

const claim = "the guest pulls from the registry";

const story = scenario({
  summary: "A story whose guest fails in words of its own",
  needs: { images: ["candidate"] },
  timeoutMinutes: 30,
  async run({ images: { candidate }, registry, boot, step }) {
    await using _shelf = await registry();
    await using _guest = await boot(candidate);
    await step(claim, async () => {
      throw new ExpectationFailed("error: Upgrading: connection refused");
    });
  },
});

describe("a step fails", () => {
  test("the image is blamed while its registry is well", async () => {
    const job = await rehearseStory({ id: "test/story", definition: story }, null);
    expect(job.outcome).toMatchObject({ kind: "failed", error: { type: "ExpectationFailed" } });
  });

  test("the registry is blamed when it has died", async () => {
    const died = Promise.reject(new MachineFault("The registry ended with exit code 1."));
    died.catch(() => undefined);
    const job = await rehearseStory({ id: "test/story", definition: story }, null, {
      died,
    });
    expect(job.outcome).toMatchObject({ kind: "broken", error: { type: "MachineFault" } });
  });
});

describe("a boot fails", () => {
  /** Plays the story on a candidate that panics; the registry may die at that moment, the console having the first word. */
  const bootWith = async (dies: boolean) => {
    let die: (error: Error) => void = () => undefined;
    const died = new Promise<never>((_, reject) => {
      die = reject;
    });
    died.catch(() => undefined);
    return rehearseStory({ id: "test/story", definition: story }, "panics-on-boot", {
      died,
      driver: (driver) =>
        withMachines(driver, (machine) => {
          const { power } = machine;
          const on = async (signal: AbortSignal): Promise<void> => {
            await power.on(signal);
            const fault = new MachineFault("The registry ended with exit code 1.");
            machine.console.fatal.catch(() => setTimeout(() => dies && die(fault), 20));
          };
          return changed(machine, { power: { ...power, on } });
        }),
    });
  };

  test("the image is blamed while its registry is well", async () => {
    const job = await bootWith(false);
    expect(job.outcome).toMatchObject({ kind: "failed", error: { type: "BootFailed" } });
  });

  test("the registry is blamed when it dies during the boot, by the step and by the job", async () => {
    const job = await bootWith(true);
    const [step] = job.attempts[0]?.steps ?? [];
    expect(step).toMatchObject({ name: "boots the candidate", outcome: { kind: "broken" } });
    expect(job.outcome).toEqual(step?.outcome);
    expect(job.outcome).toMatchObject({ kind: "broken", error: { type: "MachineFault" } });
  });
});

describe("what a registry knows at its end", () => {
  test("is a measure of the job", async () => {
    const quiet = scenario({
      ...story,
      async run({ registry }) {
        await using _shelf = await registry();
      },
    });
    const options = { pulledBytes: async () => 507 };
    const job = await rehearseStory({ id: "test/quiet", definition: quiet }, null, options);
    expect(job.attempts[0]?.measures).toEqual([{ name: "pulled.bytes", value: 507 }]);
  });
});

describe("a scenario that takes too long", () => {
  test("is ended by its limit and is broken, since we cannot tell", async () => {
    const endless = scenario({
      ...story,
      async run({ step }) {
        await step("waits without end", () => new Promise<never>(() => undefined));
      },
    });
    const job = await rehearseStory({ id: "test/endless", definition: endless }, null, {
      timeoutMinutes: 1 / 60,
    });
    expect(job.outcome).toMatchObject({ kind: "broken", error: { type: "RunStopped" } });
  });
});
