/** What the driver of boards refuses before it touches the board. */
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { messageOf, outcomeOf } from "../../harness/base/errors.ts";
import { openDriver } from "../../harness/cli/wiring/drivers.ts";
import type { MachineSpec } from "../../harness/machine/machine.ts";
import {
  board,
  driverOf,
  folder,
  make,
  prepareBoard,
  removeBoard,
  signal,
  thrown,
} from "./support/board-scene.ts";

beforeEach(prepareBoard);
afterEach(removeBoard);

describe("what a board cannot be is refused before anything is touched", () => {
  test("another architecture or firmware, with the reason", async () => {
    const driver = await driverOf();
    expect(await driver.refuse({ architecture: "x86_64", firmware: "uefi" })).toBeNull();
    expect(await driver.refuse({ architecture: "aarch64", firmware: "uefi" })).toMatch(
      /Board 'pc' is x86_64, and the image is aarch64/,
    );
    expect(await driver.refuse({ architecture: "x86_64", firmware: "bios" })).toMatch(/--firmware/);
  });

  test.each<[string, Partial<MachineSpec>, RegExp]>([
    ["a second disk", { disks: [{ kind: "blank", sizeMiB: 16 }] }, /has one card/],
    [
      "a forward",
      { forwards: [{ guestAddress: "10.0.2.100", guestPort: 1, hostPort: 1 }] },
      /does not reach services/,
    ],
    [
      "credentials that are too long",
      { credentials: { long: "!".repeat(2000) } },
      /too many for the kernel's command line/,
    ],
  ])("%s", async (_, change, words) => {
    const driver = await driverOf();
    const error = await thrown(make(driver, change));
    expect(outcomeOf(error).kind).toBe("broken");
    expect(messageOf(error)).toMatch(words);
    expect(board.plug.asked).toEqual([]);
  });

  test("a board that is not described, with a near name, and an accelerator", async () => {
    await driverOf();
    const host = { cacheDir: folder, onProgress: () => undefined, signal };
    const boards = join(folder, "boards.yaml");
    await expect(openDriver("board", { board: "pcc", boards }, host)).rejects.toThrow(/'pcc'.*pc/);
    await expect(openDriver("board", { boards }, host)).rejects.toThrow(/board:NAME/);
    await expect(
      openDriver("board", { board: "pc", boards, accelerator: "kvm" }, host),
    ).rejects.toThrow(/is hardware/);
    expect((await openDriver("board", { board: "pc", boards }, host)).word).toBe("board:pc");
  });
});
