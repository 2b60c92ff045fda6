/**
 * The stand-in installer on a real machine: by both kickstart commands, each disk then boots alone. One after the other, and
 * on BIOS, where both the medium's kernel and the disks start soonest.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootgate, eventsOf } from "./command-line.ts";

let out = "";
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "bootgate-install-"));
});
afterAll(() => rm(out, { recursive: true, force: true }));

test("the reference OS is installed from its ISO by ostreecontainer and by bootc, and boots", async () => {
  const words = ["run", "install", "--candidate", "reference-installer", "--firmware", "bios"];
  const { code, output } = await bootgate([...words, "--jobs", "1", "--out", out]);
  expect(code, output.slice(-3000)).toBe(0);

  const events = eventsOf(join(out, "latest"));
  const outcomes = events.flatMap((event) =>
    event.type === "job-ended" ? [[event.job, event.outcome.kind, event.attempt]] : [],
  );
  expect(outcomes.sort()).toEqual([
    ["install/kickstart-bootc@qemu-x86_64-bios", "passed", 1],
    ["install/kickstart@qemu-x86_64-bios", "passed", 1],
  ]);
  for (const [job] of outcomes) {
    const steps = events.flatMap((event) =>
      event.type === "step-ended" && event.job === job ? [event.step] : [],
    );
    expect(steps).toEqual(
      expect.arrayContaining(["/ is mounted from composefs", "GRUB's configuration is static"]),
    );
    const measured = events.flatMap((event) =>
      event.type === "measure" && event.job === job && event.name === "install.seconds"
        ? [event.value]
        : [],
    );
    expect(measured).toEqual([expect.any(Number)]);
    expect(measured[0]).toBeGreaterThan(1);
  }
  // Two installations, each by a command of its own, and all of it told.
  const stages = events.flatMap((event) =>
    event.type === "state-stage" && event.stage === "installer reboot" ? [event.state] : [],
  );
  expect(new Set(stages).size).toBe(2);
  const deviations = events.flatMap((event) => (event.type === "deviation" ? [event.id] : []));
  expect(deviations).toEqual(
    expect.arrayContaining(["stand-in:anaconda", "stand-in:bootc", "installed"]),
  );
});
