/** Boards that start by U-Boot: a real one on an emulated Raspberry Pi 3 as far as GRUB, and what U-Boot and cards say in failures on a scripted board. */
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { messageOf, outcomeOf } from "../../harness/base/errors.ts";
import { boardNamed, loadBoards } from "../../harness/machine/board/config.ts";
import { createBoardDriver } from "../../harness/machine/board/driver.ts";
import { holderOf } from "../../harness/machine/board/lease/lease.ts";
import { defaultLimits } from "../../harness/machine/console/console-watcher.ts";
import { startEmulatedPi3 } from "../boards/emulated-pi3.ts";
import { makePiCard } from "../boards/pi-card.ts";
import { providePiParts } from "../boards/pi-parts.ts";
import type { ScriptedBoardOptions } from "../boards/scripted-board.ts";
import { linux, raspberryPi4, uBoot } from "../boards/u-boot-words.ts";
import {
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

/** How the boot of a scripted board ended. */
async function endOf(script: ScriptedBoardOptions, firstByteMs?: number): Promise<unknown> {
  const limits = { ...defaultLimits(1), ...(firstByteMs === undefined ? {} : { firstByteMs }) };
  const driver = await driverOf(script, { menuMs: 1500, keyMs: 1000, limits });
  const machine = await make(driver, { credentials: {} });
  try {
    await machine.power.on(signal);
    return await thrown(Promise.race([machine.console.fatal, machine.died]));
  } finally {
    await machine[Symbol.asyncDispose]();
    await isFree();
  }
}

describe("what a board's hardware fails at is told as its own, and never as the image's", () => {
  test.each<[string, ScriptedBoardOptions, RegExp]>([
    [
      "U-Boot finds no card",
      { says: uBoot.noCard },
      /its card did not answer[\s\S]*voltage select/,
    ],
    [
      "the kernel cannot read the card, and panics",
      { says: linux.cardUnreadable },
      /its card did not answer, or could not be read[\s\S]*I\/O error, dev mmcblk0/,
    ],
    ["the card goes away", { says: linux.cardRemoved }, /its card went away while its system ran/],
    ["U-Boot crashes", { says: uBoot.crash }, /crashed, which bad memory[\s\S]*Synchronous Abort/],
    ["the line has another speed", { serial: "wrong-speed", says: uBoot.noLoader }, /is not text/],
  ])("%s", async (_, script, words) => {
    const error = await endOf(script);
    await isBroken(error, words);
  });

  test("a board that never says a word", async () => {
    await isBroken(await endOf({ says: "" }, 500), /the console never said a byte/);
  });

  test("a line that loses bytes where it is typed at", async () => {
    const driver = await driverOf({ serial: "drops-bytes" }, { menuMs: 3000, keyMs: 1000 });
    const machine = await make(driver);
    await machine.power.on(signal);
    await isBroken(await thrown(machine.console.fatal), /could not be typed at/);
    await machine[Symbol.asyncDispose]();
    await isFree();
  });
});

test.each<[string, string, RegExp]>([
  ["no boot loader", uBoot.noLoader, /U-Boot found no EFI boot loader on the card/],
  ["a boot loader that is not a program", uBoot.badLoader, /U-Boot found no EFI boot loader/],
  ["no device tree", uBoot.noDeviceTree, /U-Boot has no device tree that it can use/],
])("a card with %s is the image's fault, and named", async (_, says, words) => {
  const error = await endOf({ says });
  expect(outcomeOf(error).kind).toBe("failed");
  expect(messageOf(error)).toMatch(words);
});

test("the memory of a Raspberry Pi tells its version, and names a card that is not there", async () => {
  const driver = await driverOf({ says: raspberryPi4 });
  const machine = await make(driver, { credentials: {} });
  await machine.power.on(signal);
  await machine.console.reached("firmware", signal);
  await expect
    .poll(() => machine.firmware, { timeout: 20_000 })
    .toEqual(["Raspberry Pi bootloader 8ba17717"]);
  await machine[Symbol.asyncDispose]();
});

test("a real U-Boot starts GRUB from the card of a Raspberry Pi, and GRUB is typed at", async () => {
  const parts = await providePiParts();
  await makePiCard({ parts, path: join(folder, "disk.raw") });
  await using pi = await startEmulatedPi3({ folder });
  const boards = await loadBoards(pi.boardsPath);
  const driver = createBoardDriver({
    ...{ board: boardNamed(boards, "emulated-pi3"), boardsPath: boards.path, person: null },
    onProgress: () => undefined,
  });
  const credentials = { "agetty.autologin": "root" };
  const wish = spec({ architecture: "aarch64", credentials });
  const machine = await driver.create(wish, { directory: folder, signal });
  try {
    await machine.power.on(signal);
    // There is no kernel on this card: GRUB says so for the entry that was typed at.
    const error = await thrown(Promise.race([machine.console.fatal, machine.died]));
    expect(messageOf(error)).toMatch(/GRUB could not load the kernel[\s\S]*vmlinuz/);
    expect(machine.console.stages.map(({ stage }) => stage)).toEqual(["firmware", "bootloader"]);
    expect(machine.firmware).toEqual([
      expect.stringMatching(/^U-Boot 2025\.01/),
      "board RPI 3 Model B (0xa02082)",
      expect.stringMatching(/^GRUB 2\.12/),
    ]);
    expect(machine.deviations.map(({ id }) => id)).toEqual(["card-mark", "credentials-typed"]);
  } finally {
    await machine[Symbol.asyncDispose]();
  }
  expect(pi.isOn).toBe(false);
  expect(await holderOf("emulated-pi3")).toBeNull();
}, 600_000);
