/** What a verdict says of the guest: that it is faulty, that it went down, that it did not boot or did not come back. */
import { describe, expect, test } from "vitest";
import { BootFailed } from "../../harness/base/errors.ts";
import { ConsoleLog } from "../../harness/machine/console/console-log.ts";
import { limits, until } from "./support/console.ts";

const boot = until.firmware + until.bootloader + until.kernel;
const cycle = "[  300.1] systemd[1]: a.service: Found ordering cycle on b.service/stop\r\n";
const skipped = "[ SKIP ] Ordering cycle found, skipping umount.target\r\n";
const oops =
  "[  300.1] BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580\r\n";
const panic = "[  300.1] Kernel panic - not syncing: Fatal exception\r\n";
const circle = "units wait for each other in a circle and systemd dropped one.";
const broken = "the kernel has a bug or met broken hardware (Oops).";

/** How a guest that came so far ends by these lines. */
async function end(from: "boot" | "up" | "reboot" | "next", text: string): Promise<BootFailed> {
  const log = new ConsoleLog({ ...limits, path: "console.log", name: "candidate" });
  log.poweredOn();
  try {
    log.feed(Buffer.from(boot + until.userspace));
    if (from !== "boot") log.sshAnswered();
    if (from === "reboot" || from === "next") log.rebooting();
    if (from === "reboot") log.rebooting();
    if (from === "next") log.feed(Buffer.from(boot));
    const fatal = log.fatal.catch((error: unknown) => error);
    log.feed(Buffer.from(text));
    const error = await Promise.race([fatal, new Promise((none) => setImmediate(none, null))]);
    expect(error).toBeInstanceOf(BootFailed);
    return error as BootFailed;
  } finally {
    log.poweredOff();
  }
}

describe("a guest that goes on is faulty, and neither down nor unbooted", () => {
  test.each([
    ["boot", "userspace"],
    ["up", "ssh"],
    ["reboot", "ssh"],
    ["next", "kernel"],
  ] as const)("%s", async (from, stage) => {
    for (const [line, meaning] of [
      [cycle, circle],
      [skipped, circle],
      [oops, broken],
    ] as const) {
      const error = await end(from, line);
      expect(error.headline).toBe(`Guest 'candidate' is faulty: ${meaning}`);
      expect(error.stage).toBe(stage);
    }
  });
  test("and it is said that no other boot had begun, where one was asked for", async () => {
    expect((await end("reboot", skipped)).message).toMatch(
      /when +after a reboot was asked for, before another boot was seen/,
    );
    for (const from of ["boot", "up", "next"] as const)
      expect((await end(from, skipped)).message).not.toMatch(/asked for/);
  });
});

test("one that stops is not called faulty", async () => {
  const words = "the kernel panicked.";
  expect((await end("boot", panic)).headline).toBe(`Guest 'candidate' did not boot: ${words}`);
  expect((await end("up", panic)).headline).toBe(`Guest 'candidate' went down: ${words}`);
  expect((await end("next", panic)).headline).toBe(`Guest 'candidate' did not boot: ${words}`);
  expect((await end("reboot", panic)).headline).toBe(
    `Guest 'candidate' did not come back from its reboot: ${words}`,
  );
});
