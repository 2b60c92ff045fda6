/** A journal that cannot be read to its end proves nothing, and a lack of memory is not the image's fault. */
import { describe, expect, test } from "vitest";
import {
  BootFailed,
  CannotTell,
  CommandFailed,
  ExpectationFailed,
  GuestLost,
  GuestTooSlow,
} from "../../harness/base/errors.ts";
import { judgeFaults } from "../../harness/engine/healthy.ts";
import { unlessOutOfMemory } from "../../harness/engine/out-of-memory.ts";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import { type JournalFault, readJournalFaults } from "../../harness/guest/tools/journal.ts";

const io = (page: string): GuestIo => ({
  name: "fake",
  timeScale: 1,
  lookAt: "console.log",
  exec: async (command) => ({
    command,
    stdout: page,
    stderr: "",
    exitCode: 0,
    durationMs: 1,
    truncated: false,
  }),
});

/** A guest that gives one page and then throws. */
function slowAfter(
  text: string,
  error: Error = new GuestTooSlow("'journalctl' did not end."),
): GuestIo {
  let asked = 0;
  const page = io(text + "x".repeat(3 * 1024 * 1024));
  return {
    ...page,
    exec: async (command, limits) => {
      if (asked++ > 0) throw error;
      return page.exec(command, limits);
    },
  };
}

test.each([
  ["it has no end", "x".repeat(3 * 1024 * 1024), /first 120\.0 MiB/],
  ["it ends in the middle of a line", "[    1.1] host kernel: a", /ended in the middle/],
  ["nothing comes", "", /ended in the middle/],
])("nobody is blamed for a journal of which %s", async (_, page, words) => {
  const reading = await readJournalFaults(io(page));
  expect(reading.faults).toEqual([]);
  expect(() => judgeFaults(reading)).toThrow(CannotTell);
  expect(() => judgeFaults(reading)).toThrow(words);
});

describe("a journal of which only the beginning can be read", () => {
  const fault = "[    3.1] host kernel: BUG: kernel NULL pointer dereference, address: 0\n";
  const readings: readonly [string, GuestIo, RegExp][] = [
    [
      "it has no end",
      io(fault + "x".repeat(3 * 1024 * 1024)),
      /first 120\.0 MiB of the system's own lines/,
    ],
    ["it ends in the middle", io(`${fault}[    3.2] host kernel: a`), /ended in the middle/],
    ["journalctl stumbles", io(`${fault}journalctl-exit-code 1\n`), /ended with exit code 1/],
    ["a page takes too long", slowAfter(fault), /takes too long/],
  ];
  test.each(readings)(
    "keeps the fault that was found, and says what was not read: %s",
    async (_, guest, words) => {
      const reading = await readJournalFaults(guest);
      expect(() => judgeFaults(reading)).toThrow(ExpectationFailed);
      expect(() => judgeFaults(reading)).toThrow(/NULL pointer/);
      expect(() => judgeFaults(reading)).toThrow(words);
    },
  );
  test("blames nobody where nothing was found", async () => {
    const reading = await readJournalFaults(slowAfter(""));
    expect(() => judgeFaults(reading)).toThrow(CannotTell);
  });
  test("is not read any further in a guest that is lost", async () => {
    const lost = new GuestLost("The SSH connection to guest 'fake' was lost.");
    await expect(readJournalFaults(slowAfter(fault, lost))).rejects.toBe(lost);
  });
});

const oom = {
  name: "out-of-memory",
  line: "[   15.1] host kernel: Out of memory: Killed process 900 (dnf)",
};
const oops = { name: "kernel-oops", line: "[   15.1] host kernel: Oops: 0002 [#1]" };

describe("faults of a journal", () => {
  test("are the image's, a lack of memory is nobody's", () => {
    const judge = (...faults: JournalFault[]) => judgeFaults({ faults, unread: null });
    expect(() => judge()).not.toThrow();
    expect(() => judge(oops, oom)).toThrow(ExpectationFailed);
    expect(() => judge(oom)).toThrow(CannotTell);
    expect(() => judge(oom)).toThrow(/--memory/);
  });
});

describe("what fails in a guest whose kernel killed a process for want of memory", () => {
  const kill = ["[   15.1] Out of memory: Killed process 900 (bootc) total-vm:1kB", "host login: "];
  const rows = { all: kill, said: kill };
  test("is not the image's fault", () => {
    const failed = new CommandFailed("'bootc upgrade' in guest 'v1' was ended by a signal.");
    const error = unlessOutOfMemory(failed, rows);
    expect(error).toBeInstanceOf(CannotTell);
    expect(String(error)).toMatch(/had run out of memory[\s\S]*Killed process 900[\s\S]*--memory/);
  });
  test("is what it was where an earlier boot showed it, unless it is that boot's end", () => {
    const earlier = { all: kill, said: ["host login: "] };
    const failed = new CommandFailed("'bootc status' in guest 'v2' ended with exit code 1.");
    expect(unlessOutOfMemory(failed, earlier)).toBe(failed);
    const gone = new ExpectationFailed("Guest 'v1' has rebooted by itself.");
    expect(unlessOutOfMemory(gone, earlier)).toBeInstanceOf(CannotTell);
  });
  test("is what it was without such a row, by a fatal line, and where it is not the image's anyway", () => {
    const failed = new CommandFailed("x");
    for (const other of [[], ["myapp: Out of memory: Killed process 900 (bootc)"]])
      expect(unlessOutOfMemory(failed, { all: other, said: other })).toBe(failed);
    const noRoot = new BootFailed("x", { stage: "kernel", pattern: "kernel-no-root" });
    const digest = new ExpectationFailed(
      "Guest 'v1' does not have the expected booted deployment.",
    );
    for (const error of [noRoot, digest, new CannotTell("x"), new Error("x")])
      expect(unlessOutOfMemory(error, rows)).toBe(error);
    // What a process that was killed may have led to.
    const panic = new BootFailed("x", { stage: "userspace", pattern: "kernel-panic" });
    const unit = new ExpectationFailed("2 unit(s) failed: a.service, b.service.");
    for (const error of [panic, unit])
      expect(unlessOutOfMemory(error, rows)).toBeInstanceOf(CannotTell);
  });
});

test("a breakpoint that nobody set is the image's on a real processor only", async () => {
  const oops = "[    3.1] host kernel: Oops: int3: 0000 [#1] SMP NOPTI\n";
  const reading = await readJournalFaults(io(`${oops}journalctl-exit-code 0\n`));
  expect(() => judgeFaults(reading, 1)).toThrow(ExpectationFailed);
  expect(() => judgeFaults(reading, 3)).toThrow(CannotTell);
  const segfault = "[    3.2] host kernel: x[1]: segfault at 0 ip 1 sp 2 error 4\n";
  const both = await readJournalFaults(io(`${oops}${segfault}journalctl-exit-code 0\n`));
  expect(() => judgeFaults(both, 3)).toThrow(ExpectationFailed);
});
