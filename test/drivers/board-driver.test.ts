/** The driver of boards against a scripted board: what it writes, types and hears, and which fault is told as what. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { boardNamed, loadBoards } from "../../harness/machine/board/config.ts";
import { type BoardDriverOptions, createBoardDriver } from "../../harness/machine/board/driver.ts";
import { holderOf } from "../../harness/machine/board/lease/lease.ts";
import { defaultLimits } from "../../harness/machine/console/console-watcher.ts";
import type { Machine, MachineDriver, MachineSpec } from "../../harness/machine/machine.ts";
import { ScriptedBoard, type ScriptedBoardOptions } from "../boards/scripted-board.ts";
import { diskWithGap } from "../boards/small-disk.ts";

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
