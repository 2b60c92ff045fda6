/** Several boards in one run: each has a job of its own, and one's fault is not another's. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { planJobs } from "../../harness/engine/plan.ts";
import { scenario } from "../../harness/index.ts";
import type { MachineDriver } from "../../harness/machine/machine.ts";
import { profileOf } from "../../harness/machine/profile.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { expectSound, play, useFolder } from "./play.ts";
import { simulatedImage } from "./rehearse.ts";

useFolder();

const candidate = simulatedImage("v2", "2");
const story = {
  id: "boot/answers",
  definition: scenario({
    summary: "It answers",
    needs: { images: ["candidate"] },
    start: "cold",
    timeoutMinutes: 5,
    async run({ images: { candidate: image }, boot, step }) {
      await using guest = await boot(image);
      await step("it answers", async () => void (await guest.run`true`));
    },
  }),
};

test("each board plays the story, and the report names it", async () => {
  const world = new SimulatedWorld();
  world.addImage(world.image(candidate.digest));
  const booted: string[] = [];
  const drivers = ["pi-3", "pi-4"].map((name): MachineDriver => {
    const dies = name === "pi-3" ? { sabotage: "panics-on-boot" as const } : {};
    const plain = createSimulatedDriver({ world, ...dies });
    return {
      ...{ ...plain, kind: "board", word: `board:${name}` },
      create: (spec, how) => {
        booted.push(name);
        return plain.create(spec, how);
      },
    };
  });
  const hardware = { memoryMiB: 512, cpus: 2, network: "closed" } as const;
  const wish = { ...hardware, architecture: "x86_64", firmware: "uefi" } as const;
  const jobs = planJobs({
    scenarios: [story],
    images: { candidate },
    machines: drivers.map((driver) => ({ ...profileOf(driver, wish), refusal: null })),
    repeatOptions: [],
  });
  const run = await play([], { jobs, drivers });
  expect(run.model.jobs.map(({ machine, outcome }) => [machine.board, outcome?.kind])).toEqual([
    ["pi-3", "failed"],
    ["pi-4", "passed"],
  ]);
  expect(booted.toSorted()).toEqual(["pi-3", "pi-4"]);
  await expectSound(run);
  // What others read tells the boards apart as well: a pass on one must not stand for the other.
  const written = (name: string): Promise<string> => readFile(join(run.directory, name), "utf8");
  expect(await written("junit.xml")).toMatch(/name="board" value="pi-3"/);
  const bodies = JSON.parse(await written("resultsdb.json")) as { data: { scenario: string } }[];
  expect(bodies.map(({ data }) => data.scenario)).toEqual([
    "board.pi-3.x86_64.uefi",
    "board.pi-4.x86_64.uefi",
  ]);
});
