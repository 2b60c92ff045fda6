/** Boards that start by U-Boot: what it and cards say in failures, on a scripted board. `test/full/u-boot.test.ts` has the real one. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { messageOf, outcomeOf } from "../../harness/base/errors.ts";
import { defaultLimits } from "../../harness/machine/console/console-watcher.ts";
import type { ScriptedBoardOptions } from "../boards/scripted-board.ts";
import { linux, raspberryPi4, uBoot } from "../boards/u-boot-words.ts";
import {
  driverOf,
  isBroken,
  isFree,
  make,
  prepareBoard,
  removeBoard,
  signal,
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
