/** `boards health`: what a board does with its known-good image, and what of that counts against it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  type BootgateError,
  CannotTell,
  HostUnfit,
  MachineFault,
  messageOf,
  RunStopped,
  UsageError,
} from "../../harness/base/errors.ts";
import { boardHealth } from "../../harness/cli/commands/boards-health-command.ts";
import { readHealth } from "../../harness/machine/board/lease/quarantine.ts";
import { ActSkipped, NobodyActed } from "../../harness/machine/board/person/person.ts";
import type { ScriptedBoardOptions } from "../boards/scripted-board.ts";
import {
  board,
  driverOf,
  folder,
  isBroken,
  isFree,
  prepareBoard,
  removeBoard,
  thrown,
} from "./support/board-scene.ts";

let printed = "";
beforeEach(async () => {
  await prepareBoard();
  printed = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await removeBoard();
});

const described = (script: ScriptedBoardOptions = {}) =>
  driverOf(script, {}, undefined, {
    more: `    health: { image: ${join(folder, "disk.raw")}, failures: 2 }`,
  });
const check = (more: { readonly last?: boolean } = {}): Promise<void> =>
  boardHealth("pc", { boards: join(folder, "boards.yaml"), out: join(folder, "runs"), ...more });

test("a board that does not boot its known-good image is told so, off and free, and set aside after as many checks as it may fail", async () => {
  await described({ fault: "no-grub" });
  await check({ last: true });
  expect(printed).toBe("Board 'pc' has not been checked.\n");
  const first = await thrown(check());
  await isBroken(first, /^Board 'pc' does not boot its known-good image: The boot loader of board/);
  expect(messageOf(first)).toMatch(/checks +1 of 2 in a row/);
  await isFree();
  // What the board said is kept, where the message says.
  const [, log = ""] = /look at +(\S+)$/m.exec(messageOf(first)) ?? [];
  expect(log).toContain(join(folder, "runs", "health-pc-"));
  expect((await readFile(log, "utf8")).length).toBeGreaterThan(0);
  expect(await readHealth("pc")).toMatchObject({ failures: 1, aside: null });
  const second = await thrown(check());
  expect(messageOf(second)).toMatch(/checks +the board is set aside/);
  expect(board.commandLines).toHaveLength(2);
  // What is set aside is not booted again, and that is not one check more.
  await isBroken(await thrown(check()), /Board 'pc' is set aside/);
  expect(board.commandLines).toHaveLength(2);
  expect(await readHealth("pc")).toMatchObject({ failures: 2 });
  printed = "";
  await check({ last: true });
  expect(printed).toMatch(/it failed \(2 in a row\): The boot loader.*\nIt is set aside since/);
});

test("a board without a known-good image says where to name one, and keeps what is known of it", async () => {
  await driverOf();
  const error = await thrown(check());
  expect(error).toBeInstanceOf(UsageError);
  expect(messageOf(error)).toMatch(/does not have a known-good image[\s\S]*health: \{ image: … \}/);
  await check({ last: true });
  expect(printed).toBe("Board 'pc' has not been checked.\n");
});

test("what a host, its user or a person is the reason of does not count against a board", async () => {
  const { knownGood } = await described();
  const note = (fault: BootgateError | null) => knownGood?.note(fault);
  for (const kind of [HostUnfit, UsageError, RunStopped, NobodyActed, ActSkipped]) {
    expect(await note(new kind("It was not the board."))).toBe(false);
    expect(await readHealth("pc")).toMatchObject({ failures: 0, checked: null });
  }
  for (const kind of [MachineFault, CannotTell])
    expect(await note(new kind("It was the board."))).toBe(true);
  expect(await readHealth("pc")).toMatchObject({ failures: 2, reason: "It was the board." });
  expect(await note(null)).toBe(true);
  expect(await readHealth("pc")).toMatchObject({ failures: 0, reason: null });
});
