/** What an earlier boot said is not true of the next one, and time that ran out is asked of the host before an image is blamed. */
import { describe, expect, test, vi } from "vitest";
import { BootFailed, CannotTell } from "../../harness/base/errors.ts";
import { tooLate } from "../../harness/guest/reach-words.ts";
import { ConsoleLog } from "../../harness/machine/console/console-log.ts";
import type { Machine } from "../../harness/machine/machine.ts";
import { feed, limits, logUnderLoad, until, watcherAt } from "./support/console.ts";

const prompt = "[  OK  ] Reached target Multi-User System.\r\n\r\nhost login: ";
const boot = `${until.firmware}${until.bootloader}${until.kernel}${until.userspace}`;

describe("lines of an earlier boot", () => {
  test.each([
    ["a restart that the machine tells", "machine"],
    ["a restart that the firmware's lines show", "lines"],
    ["a reboot that was asked for", "asked"],
  ])("do not show that a silent guest is up: %s", (_name, how) => {
    const watcher = watcherAt("userspace");
    feed(watcher, prompt);
    if (how === "machine") watcher.reset(2000);
    if (how === "asked") watcher.rebooting(2000);
    feed(watcher, how === "lines" ? `\r\n${boot}` : boot, 2500);
    expect(watcher.stage).toBe("userspace");
    watcher.tick(200_000);
    expect(watcher.fatal).toMatchObject({ pattern: "no-output", blame: "unknown" });
  });

  test("are kept for people, and told apart", () => {
    const watcher = watcherAt("userspace");
    feed(watcher, prompt);
    watcher.reset(2000);
    expect(watcher.rows.last(400, "said")).toEqual([]);
    expect(watcher.rows.last(1)).toEqual(["host login: "]);
    feed(watcher, "BdsDxe: loading Boot0001");
    expect(watcher.rows.last(400, "said")).toEqual(["BdsDxe: loading Boot0001"]);
    feed(watcher, ' "x"\r\n');
    expect(watcher.rows.last(400, "said")).toEqual(['BdsDxe: loading Boot0001 "x"']);
    expect(watcher.rows.last(2)).toEqual(["host login: ", 'BdsDxe: loading Boot0001 "x"']);
  });

  test("a line that shows a restart is of the new boot, in whatever pieces it comes", () => {
    for (const size of [1, 7, 10_000]) {
      const watcher = watcherAt("userspace");
      const text = `${prompt}\r\n${until.firmware}${until.bootloader}`;
      for (let at = 0; at < text.length; at += size) feed(watcher, text.slice(at, at + size));
      expect(watcher.rows.last(400, "said")[0]).toMatch(/^BdsDxe: loading/);
      expect(watcher.rows.last(400)).toContain("host login: ");
    }
  });

  test("say nothing of what the new boot waits for, nor of its sshd", () => {
    const console = new ConsoleLog({ ...limits, path: "console.log", name: "candidate" });
    const late = {
      name: "candidate",
      machine: { console } as unknown as Machine,
      timeoutMs: 120_000,
      timeScale: 1,
      host: { isWell: true, figures: "load 0.1 on 2 processors" },
    };
    console.poweredOn();
    console.feed(
      Buffer.from(
        `${boot}[FAILED] Failed to start sshd.service - OpenSSH server daemon.\r\n[**    ] A stop job is running for X (5s / 2min)\r\n`,
      ),
    );
    console.machineReset();
    console.feed(Buffer.from(boot));
    console.poweredOff();
    const error = tooLate(late, {});
    expect(error).toBeInstanceOf(CannotTell);
    expect(error.message).toMatch(/came as far as user space/);
  });
});

/** How a boot ends by its console on a host with this load for each processor, told in real milliseconds of a false clock. */
async function endOf(text: string, load: number): Promise<Error> {
  vi.useFakeTimers();
  try {
    const log = logUnderLoad(load);
    log.poweredOn();
    const ended = log.fatal.catch((error: Error) => error);
    log.feed(Buffer.from(text));
    await vi.advanceTimersByTimeAsync(100_000);
    log.poweredOff();
    return (await Promise.race([ended, Promise.resolve(new Error("it goes on"))])) as Error;
  } finally {
    vi.useRealTimers();
  }
}

describe("a line that ends a boot unless it goes on", () => {
  const initrd = `${until.kernel}${until.initrd}`;
  const graced: readonly [string, string][] = [
    ["a passphrase", `${initrd}Please enter passphrase for disk x on /: (press TAB for no echo) `],
    ["a question", `${initrd}${until.userspace}Do you want to go on? [y/N] `],
    ["a kernel that is not there", `${until.bootloader}error: file \`/vmlinuz' not found.\r\n`],
  ];
  test.each(graced)("is not held against the image on a starved host: %s", async (_name, text) => {
    const starved = await endOf(text, 40);
    expect(starved).toBeInstanceOf(CannotTell);
    expect(starved.message).toMatch(/host +load/);
    expect(await endOf(text, 0.5)).toBeInstanceOf(BootFailed);
  });
  test("is, whatever the host does, where no time is a part of the proof", async () => {
    const panic = `${until.kernel}[    1.0] Kernel panic - not syncing: x\r\n`;
    expect(await endOf(panic, 40)).toBeInstanceOf(BootFailed);
  });
});

describe("a harness that did not run for a while", () => {
  async function afterStall(then: string): Promise<{ error: Error | null }> {
    vi.useFakeTimers();
    let now = 0;
    try {
      const log = new ConsoleLog({ ...limits, path: "console.log", name: "vm", now: () => now });
      let error: Error | null = null;
      log.poweredOn();
      log.fatal.catch((caught: Error) => {
        error = caught;
      });
      log.feed(Buffer.from(`${until.kernel}${until.initrd}`));
      log.feed(Buffer.from("Please enter passphrase for disk x: (press TAB for no echo) "));
      now += 100_000;
      await vi.advanceTimersByTimeAsync(250);
      log.feed(Buffer.from(then));
      now += 250;
      await vi.advanceTimersByTimeAsync(250);
      log.poweredOff();
      return { error };
    } finally {
      vi.useRealTimers();
    }
  }
  test("reads first what came meanwhile", async () => {
    const { error } = await afterStall("\r\n[  OK  ] Finished Cryptography Setup for x.\r\n");
    expect(error).toBeNull();
  });
  test("judges where nothing did", async () => {
    expect((await afterStall("")).error).toBeInstanceOf(BootFailed);
  });
});
