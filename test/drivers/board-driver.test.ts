/** The driver of boards against a scripted board: what it writes, types and hears, and which fault is told as what. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { messageOf } from "../../harness/base/errors.ts";
import { boardNamed, loadBoards } from "../../harness/machine/board/config.ts";
import { holderOf, takeBoard } from "../../harness/machine/board/lease/lease.ts";
import { noteHealth } from "../../harness/machine/board/lease/quarantine.ts";
import { type CardFault, FileCard } from "../boards/card.ts";
import type { ScriptedBoardOptions } from "../boards/scripted-board.ts";
import { diskWithGap } from "../boards/small-disk.ts";
import { Script } from "../contract/support/namespaces.ts";
import {
  board,
  boots,
  credentials,
  driverOf,
  folder,
  isBroken,
  isFree,
  make,
  prepareBoard,
  removeBoard,
  signal,
  spec,
  thrown,
} from "./support/board-scene.ts";

beforeEach(prepareBoard);
afterEach(removeBoard);

test("a board is written, booted with its credentials typed at GRUB, and given back off and free", async () => {
  const driver = await driverOf();
  expect(driver.word).toBe("board:pc");
  expect([...driver.capabilities].sort()).toEqual(["keys", "power"]);
  expect(driver.cost(spec()).locks).toEqual(["board:pc"]);
  const machine = await make(driver);
  try {
    expect(board.isOn).toBe(false);
    const card = await readFile(join(folder, "card"));
    const { mark } = machine;
    expect(card.subarray(mark?.offsetBytes, (mark?.offsetBytes ?? 0) + 512)).toEqual(mark?.bytes);
    await machine.power.on(signal);
    expect(await boots(machine)).toBeUndefined();
    const [line = ""] = board.commandLines;
    expect(line).toContain("systemd.set_credential=agetty.autologin:root");
    const [, typed = ""] = /systemd\.set_credential_binary=tmpfiles\.extra:(\S+)/.exec(line) ?? [];
    expect(Buffer.from(typed, "base64").toString()).toBe(credentials["tmpfiles.extra"]);
    expect(machine.deviations.map(({ id }) => id)).toEqual(["card-mark", "credentials-typed"]);
    expect(await holderOf("pc")).not.toBeNull();
  } finally {
    await machine[Symbol.asyncDispose]();
  }
  await isFree();
});

test("a system that restarts is typed at again, and one that switches itself off is off by the plug as well", async () => {
  const driver = await driverOf();
  await using machine = await make(driver);
  await machine.power.on(signal);
  await boots(machine);
  machine.console.rebooting();
  board.reboot();
  expect(await boots(machine)).toBeUndefined();
  expect(board.commandLines).toHaveLength(2);
  expect(board.commandLines[1]).toBe(board.commandLines[0]);
  const off = machine.waitForOff(signal);
  board.powerDown();
  await off;
  expect(board.isOn).toBe(false);
  await machine.power.on(signal);
  expect(await boots(machine)).toBeUndefined();
  expect(board.commandLines).toHaveLength(3);
});

test("a board goes off and on by its plug, and another boot is typed at", async () => {
  const driver = await driverOf();
  await using machine = await make(driver);
  await machine.power.on(signal);
  await machine.power.on(signal);
  await boots(machine);
  await machine.power.reset(signal);
  await vi.waitFor(() => expect(board.commandLines).toHaveLength(2), { timeout: 20_000 });
  await machine.power.off(signal);
  await machine.power.off(signal);
  await machine.waitForOff(signal);
  expect(board.isOn).toBe(false);
});

test("who chooses an entry at the menu is left alone there", async () => {
  const driver = await driverOf();
  await using machine = await make(driver);
  await machine.power.on(signal);
  await boots(machine);
  machine.console.rebooting();
  machine.console.leaveMenu?.();
  board.reboot();
  await vi.waitFor(() => expect(machine.console.stage).toBe("bootloader"), { timeout: 20_000 });
  await machine.console.type("\r");
  expect(await boots(machine)).toBeUndefined();
  expect(board.commandLines[1]).not.toContain("systemd.set_credential");
});

test("a run that is killed with -9 leaves the board off and free", async () => {
  await driverOf();
  const words = [join(folder, "boards.yaml"), join(folder, "disk.raw"), folder];
  await using run = new Script("boots-a-board.ts", words);
  expect(await run.line(0)).toBe("booted");
  expect(board.isOn).toBe(true);
  await run.kill();
  await vi.waitFor(isFree, { timeout: 30_000, interval: 100 });
});

describe("a fault of a board is told as its own, and never as the image's", () => {
  test.each<[string, ScriptedBoardOptions, RegExp]>([
    ["GRUB shows no menu", { fault: "no-grub" }, /started an entry by itself/],
    ["the firmware stops", { fault: "silent-firmware" }, /could not be typed at: its menu did not/],
    ["the line drops a byte", { fault: "drops" }, /did not come/],
  ])("%s", async (_, script, words) => {
    const driver = await driverOf(script, { menuMs: 1500, keyMs: 1000 });
    const machine = await make(driver);
    await machine.power.on(signal);
    await isBroken(await thrown(machine.console.fatal), words);
    await machine[Symbol.asyncDispose]();
    await isFree();
  });

  test("a power switch that sticks", async () => {
    const driver = await driverOf({ plug: { fault: "sticks" } });
    const machine = await make(driver);
    await isBroken(await thrown(machine.power.on(signal)), /power of board 'pc' sticks/);
    expect(machine.console.stage).toBe("off");
    await machine[Symbol.asyncDispose]();
    await isFree();
  });

  test("a serial line that is unplugged while it boots", async () => {
    const driver = await driverOf({}, { reopenMs: 500 });
    const machine = await make(driver);
    await machine.power.on(signal);
    await boots(machine);
    await board.unplug();
    await isBroken(await thrown(machine.died), /console server .* of board 'pc' is gone/);
    await machine[Symbol.asyncDispose]();
    await isFree();
  });

  test("a serial line that is not there", async () => {
    const driver = await driverOf();
    await board.unplug();
    await isBroken(await thrown(make(driver)), /console server 127\.0\.0\.1/);
    await isFree();
  });

  test.each<[CardFault, RegExp]>([
    ["ignores-writes", /ignores writes/],
    ["corrupts", /does not hold what was written/],
    ["vanishes", /vanished while it was written/],
  ])("a card that %s", async (fault, words) => {
    const card = join(folder, "mux-card");
    const mux = (to: string) => `[sh, -c, "echo ${to} >> ${join(folder, "moves")}"]`;
    const driver = await driverOf(
      {},
      { openCard: () => FileCard.make(card, 16 * 1024 * 1024, { fault, content: "old" }) },
      `{ by: mux, toHost: ${mux("host")}, toBoard: ${mux("board")}, device: /dev/disk/by-id/card, size: { least: 1MiB, most: 1GiB } }`,
    );
    await writeFile(join(folder, "disk.raw"), diskWithGap(12));
    await isBroken(await thrown(make(driver)), words);
    expect(await readFile(join(folder, "moves"), "utf8")).toBe("host\nboard\n");
    await isFree();
  });

  test("a program that does not write", async () => {
    const driver = await driverOf(
      {},
      {},
      "{ by: command, write: [sh, -c, 'echo no card >&2; exit 3'] }",
    );
    const error = await thrown(make(driver));
    await isBroken(error, /did not write its image for board 'pc': exit code 3/);
    expect(messageOf(error)).toContain("no card");
    await isFree();
  });

  test("a board that somebody else has", async () => {
    const driver = await driverOf();
    const boards = await loadBoards(join(folder, "boards.yaml"));
    const other = { board: boardNamed(boards, "pc"), boardsPath: boards.path, use: "by hand" };
    await using _lease = await takeBoard({ ...other, lastsMs: 60_000, signal });
    await isBroken(await thrown(make(driver)), /Board 'pc' is busy: .* for by hand/);
    expect(board.plug.asked.filter((path) => path === "/on")).toEqual([]);
  });

  test("a board that is set aside", async () => {
    const driver = await driverOf();
    await noteHealth("pc", "the card is worn", 1);
    await isBroken(await thrown(make(driver)), /is set aside[\s\S]*the card is worn/);
    await isFree();
  });
});
