/** What a rollback waits for, and where it goes on. */
import { describe, expect, test } from "vitest";
import { shownCommand } from "../../harness/guest/commands.ts";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import { createBootc } from "../../harness/guest/tools/bootc.ts";

describe("a rollback", () => {
  const waits = "timeout 120 systemctl is-system-running --wait";
  /** Rolls back twice; returns what was asked and told. */
  const twice = async (exitCode: number) => {
    const asked: string[] = [];
    const notes: string[] = [];
    const io: GuestIo = {
      name: "v2",
      timeScale: 1,
      lookAt: "console.log",
      async exec(command) {
        asked.push(shownCommand(command));
        const isWait = command.includes("timeout ");
        const result = { exitCode: isWait ? exitCode : 0, stdout: "", stderr: "" };
        return { command, ...result, durationMs: 1, truncated: false };
      },
    };
    const bootc = createBootc(io, { onNote: (text) => notes.push(text) });
    await bootc.rollback();
    await bootc.rollback();
    return { asked, notes };
  };

  test.each([0, 1, 127])("waits until start-up has ended, with exit code %i", async (exitCode) => {
    expect(await twice(exitCode)).toEqual({
      asked: [waits, "bootc rollback", waits, "bootc rollback"],
      notes: [],
    });
  });

  test("goes on where start-up does not end, tells it and does not wait again", async () => {
    const { asked, notes } = await twice(124);
    expect(asked).toEqual([waits, "bootc rollback", "bootc rollback"]);
    expect(notes).toEqual([expect.stringMatching(/before its start-up had ended, .* 2 min/)]);
  });
});
