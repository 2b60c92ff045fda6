import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { connectGuest } from "../../harness/guest/connect.ts";
import { failureOf } from "../contract/support/failure.ts";
import { boots, guestShell } from "./support/guest-shell.ts";
import { type OnCommand, reply, startFake } from "./support/ssh-fake.ts";

const quietConsole = "BdsDxe: loading Boot0001\n";

describe("a fork that does not let its clock be set is not failed", () => {
  test("over SSH", async () => {
    const onCommand: OnCommand = (command, channel) =>
      reply(channel, "", command.startsWith("date ") ? 1 : 0);
    await using fake = await startFake({ onCommand });
    const machine = { ...fake.options.machine, start: "fork" as const };
    const failure = await failureOf(connectGuest({ ...fake.options, machine }));
    expect(failure.kind).toBe("broken CannotTell");
    expect(failure.text).toMatch(/^The clock of guest 'fake' could not be set/);
  });

  test("over the root channel", async () => {
    const date = "echo 'date: cannot set date: Operation not permitted' >&2; exit 1";
    await using shell = await guestShell({ cat: boots, date });
    await using fake = await startFake({ port: shell.port, console: quietConsole });
    const machine = { ...fake.options.machine, start: "fork" as const };
    const over = { ...fake.options, machine, transport: "channel" as const };
    const failure = await failureOf(connectGuest(over));
    expect(failure.kind).toBe("broken CannotTell");
    expect(failure.text).toMatch(/could not be set[\s\S]*Operation not permitted/);
  });
});

/** Keeps what it is asked over SSH, and answers each with nothing. */
function keeping(): { asked: string[]; onCommand: OnCommand } {
  const asked: string[] = [];
  const onCommand: OnCommand = (command, channel) => {
    asked.push(command);
    reply(channel, "");
  };
  return { asked, onCommand };
}

const settings = (asked: readonly string[]): number =>
  asked.filter((command) => command.startsWith("date -s @")).length;

describe("the clock of a fork", () => {
  // The console decides which is first: SSH is held back until the channel answers, or it is not.
  test.each([quietConsole, undefined])(
    "is set over SSH where the channel goes away",
    async (console) => {
      await using flags = await createWorkspace("flag");
      const begun = join(flags.path, "begun");
      await using shell = await guestShell({ cat: boots, date: `: > '${begun}'; exec sleep 60` });
      const { asked, onCommand } = keeping();
      const said = console === undefined ? {} : { console };
      await using fake = await startFake({ port: shell.port, onCommand, ...said });
      const machine = { ...fake.options.machine, start: "fork" as const };
      const connecting = connectGuest({ ...fake.options, machine, readyTimeoutMs: 20_000 });
      await vi.waitFor(() => expect(existsSync(begun)).toBe(true), { timeout: 15_000 });
      shell.port.stop();
      await using _guest = await connecting;
      expect(settings(asked)).toBe(1);
      const [seed] = asked.flatMap((command) => /echo (\S+) > \/dev\/urandom/.exec(command) ?? []);
      expect(seed).toMatch(/[0-9a-f]{64}/);
    },
  );

  test("is set once, over the channel, and before the guest is handed over", async () => {
    await using flags = await createWorkspace("flag");
    const set = join(flags.path, "set");
    const date = `sleep 0.3; echo "$@" >> '${set}'`;
    await using shell = await guestShell({ cat: boots, date });
    const { asked, onCommand } = keeping();
    await using fake = await startFake({ port: shell.port, onCommand, console: quietConsole });
    const machine = { ...fake.options.machine, start: "fork" as const };
    await using _guest = await connectGuest({ ...fake.options, machine, readyTimeoutMs: 20_000 });
    expect(settings(asked)).toBe(0);
    expect(readFileSync(set, "utf8")).toMatch(/^-s @\d+\n$/);
  });
});
