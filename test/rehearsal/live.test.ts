/** Live media on the simulated guest: what is kept of a good one, and what a screen alone is worth. */
import { expect, test } from "vitest";
import { BootFailed } from "../../harness/base/errors.ts";
import type { Picture } from "../../harness/machine/console/screen-change.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import type { SabotageName } from "../simulated/sabotages.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { liveMedium, screens, withScreen } from "./live-medium.ts";
import { changed, withMachines } from "./machines.ts";
import { expectSound, folder, play, useFolder } from "./play.ts";
import { simulatedImage, storyOf } from "./rehearse.ts";

useFolder();

/** Plays the story, with limits that a test can wait for. */
async function playLive(picture: Picture, sabotage?: SabotageName) {
  const world = new SimulatedWorld();
  const plain = createSimulatedDriver({ world, ...(sabotage === undefined ? {} : { sabotage }) });
  const driver = { ...withScreen(plain, picture), timeScale: sabotage === undefined ? 0.2 : 0.02 };
  const story = await storyOf("live/session");
  const candidate = await liveMedium(simulatedImage("v2", "2"), folder());
  const definition = { ...story.definition, timeoutMinutes: 30 };
  const run = await play([{ ...story, definition }], { driver, candidate, recheckCold: false });
  await expectSound(run);
  const [job] = run.model.jobs;
  const attempt = job?.attempts.at(-1);
  return { outcome: job?.outcome, attempt, text: JSON.stringify(job) };
}

test("a picture of a good one is kept, and the report says how it was started and what was found", async () => {
  const { outcome, attempt } = await playLive(screens.graphics);
  expect(outcome?.kind, JSON.stringify(outcome)).toBe("passed");
  expect(attempt?.steps.map(({ name }) => name)).toEqual([
    "boots the candidate",
    "start-up settles",
    "a session or an installer is there",
    "the journal has no fatal line",
    "nothing was written to the medium",
    "a picture of the screen is kept",
  ]);
  expect(attempt?.evidence.filter(({ kind }) => kind === "screenshot")).toEqual([
    expect.objectContaining({ path: expect.stringMatching(/\/candidate\/screen-session\.png$/) }),
  ]);
  expect(attempt?.notes).toEqual([
    "A session of liveuser is there (tty).",
    "The screen shows graphics.",
  ]);
  const told = attempt?.deviations.map(({ id }) => id);
  expect(told).toContain("live-medium");
  expect(told).not.toContain("channel-stories");
  expect(attempt?.deviations.find(({ id }) => id === "live-medium")?.text).toMatch(
    /started directly, past its boot loader, with a serial console, and it was asked over SSH/,
  );
});

test("one that cannot be asked passes by a screen that shows more than text, and says so", async () => {
  const { outcome, attempt } = await playLive(screens.graphics, "loses-network");
  expect(outcome?.kind, JSON.stringify(outcome)).toBe("passed");
  expect(attempt?.deviations.map(({ id }) => id)).toContain("screen-only");
  expect(attempt?.steps.map(({ name }) => name)).toContain("the screen shows more than text");
});

test("one that cannot be asked and shows nothing cannot be told, and is not the image's fault", async () => {
  const { outcome, attempt, text } = await playLive(screens.blank, "loses-network");
  expect(outcome?.kind).toBe("broken");
  expect(text).toMatch(/Whether a session or an installer is there cannot be told/);
  const failed = attempt?.steps.find(({ outcome: one }) => one.kind !== "passed");
  expect(failed?.name).toBe("the screen shows more than text");
});

test("a kernel that was started past the medium's own boot loader and never spoke is not held against it", async () => {
  const plain = createSimulatedDriver({ world: new SimulatedWorld() });
  const mute = withMachines(withScreen(plain, screens.blank), (machine) => {
    const fatal = Promise.reject(
      new BootFailed("It did not boot.", { stage: "firmware", pattern: "firmware-load-failed" }),
    );
    fatal.catch(() => undefined);
    const console = new Proxy(machine.console, {
      get: (target, name) => {
        if (name === "fatal") return fatal;
        if (name === "stage") return "firmware";
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    return changed(machine, { console });
  });
  const candidate = await liveMedium(simulatedImage("v2", "2"), folder());
  const story = await storyOf("live/session");
  const run = await play([story], { driver: mute, candidate, recheckCold: false });
  const { outcome } = run.model.jobs[0] ?? {};
  expect(outcome).toMatchObject({ kind: "broken", error: { type: "CannotTell" } });
  expect(JSON.stringify(outcome)).toMatch(
    /could not be started directly[\s\S]*--installer-boot loader/,
  );
});
