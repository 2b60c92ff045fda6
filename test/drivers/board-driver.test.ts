/** The driver of boards against a scripted board: what it writes, types and hears, and which fault is told as what. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { messageOf, outcomeOf } from "../../harness/base/errors.ts";
import { openDriver } from "../../harness/cli/wiring/drivers.ts";
import { boardNamed, loadBoards } from "../../harness/machine/board/config.ts";
import { type BoardDriverOptions, createBoardDriver } from "../../harness/machine/board/driver.ts";
import { holderOf, takeBoard } from "../../harness/machine/board/lease/lease.ts";
import { noteHealth } from "../../harness/machine/board/lease/quarantine.ts";
import { defaultLimits } from "../../harness/machine/console/console-watcher.ts";
import type { Machine, MachineDriver, MachineSpec } from "../../harness/machine/machine.ts";
import { type CardFault, FileCard } from "../boards/card.ts";
import { ScriptedBoard, type ScriptedBoardOptions } from "../boards/scripted-board.ts";
import { diskWithGap } from "../boards/small-disk.ts";
import { Script } from "../contract/support/namespaces.ts";

const { signal } = new AbortController();
const credentials = {
  "tmpfiles.extra": `d /root/.ssh 0700 root root -\nw+~ /root/.ssh/authorized_keys - - - - ${"QUJD".repeat(30)}\n`,
  "agetty.autologin": "root",
};
let folder = "";
let board: ScriptedBoard;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-board-"));
  vi.stubEnv("BOOTGATE_BOARDS", join(folder, "boards"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  await writeFile(join(folder, "disk.raw"), diskWithGap());
});
afterEach(async () => {
  await board?.[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const spec = (change: Partial<MachineSpec> = {}): MachineSpec => ({
  ...{ name: "candidate", architecture: "x86_64", firmware: "uefi", memoryMiB: 512, cpus: 1 },
  disks: [
    {
      kind: "overlay",
      ...{ backingFile: join(folder, "disk.raw"), backingFormat: "raw" },
      contentDigest: `sha256:${"d".repeat(64)}`,
    },
  ],
  ...{ network: "closed", forwards: [], credentials },
  imageDigest: `sha256:${"1".repeat(64)}`,
  ...change,
});

/** A driver of a scripted board; its card is a file that a program of the lab writes. */
async function driverOf(
  script: ScriptedBoardOptions = {},
  more: Partial<BoardDriverOptions> = {},
  storage = `{ by: command, write: [cp, "{image}", ${join(folder, "card")}] }`,
): Promise<MachineDriver> {
  board = await ScriptedBoard.start(script);
  const path = join(folder, "boards.yaml");
  await writeFile(path, `version: 1\nboards:\n  pc:\n${board.describe({ storage })}`);
  const boards = await loadBoards(path);
  return createBoardDriver({
    ...{ board: boardNamed(boards, "pc"), boardsPath: path, person: null },
    ...{ onProgress: () => undefined, limits: defaultLimits(1), silenceMs: 200 },
    ...more,
  });
}

const make = (driver: MachineDriver, change: Partial<MachineSpec> = {}): Promise<Machine> =>
  driver.create(spec(change), { directory: folder, signal });

/** Returns once the kernel is there, or how the boot ended. */
const boots = (machine: Machine): Promise<unknown> =>
  Promise.race([
    machine.console.reached("userspace", signal),
    machine.console.fatal,
    machine.died,
  ]).catch((error: unknown) => error);

const isFree = async (): Promise<void> => {
  expect(board.isOn).toBe(false);
  expect(await holderOf("pc")).toBeNull();
};

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

/** Broken, in these words, and the board off and free. */
async function isBroken(error: unknown, words: RegExp): Promise<void> {
  expect(outcomeOf(error).kind, messageOf(error)).toBe("broken");
  expect(messageOf(error)).toMatch(words);
}

const thrown = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable("it had to fail"),
    (error: unknown) => error,
  );

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
    await isBroken(await thrown(make(driver)), /is set aside[^]*the card is worn/);
    await isFree();
  });
});

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
