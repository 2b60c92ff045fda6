/** A board, put to the contract of all machines: a scripted one, which boots without a menu and is given nothing to type. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, vi } from "vitest";
import { boardNamed, loadBoards } from "../../harness/machine/board/config.ts";
import { createBoardDriver } from "../../harness/machine/board/driver.ts";
import { ScriptedBoard } from "../boards/scripted-board.ts";
import { diskWithGap } from "../boards/small-disk.ts";
import { machineContract } from "./machine/contract.ts";

let folder = "";
let board: ScriptedBoard;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-board-"));
  vi.stubEnv("BOOTGATE_BOARDS", join(folder, "boards"));
});
// One test pulls out its line.
afterEach(() => board.plugIn());
afterAll(async () => {
  await board[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

machineContract(
  "a scripted board",
  async () => {
    board = await ScriptedBoard.start({ fault: "no-grub" });
    const path = join(folder, "boards.yaml");
    const disk = join(folder, "disk.raw");
    await writeFile(disk, diskWithGap());
    const storage = `{ by: command, write: [cp, "{image}", ${join(folder, "card")}] }`;
    const network = "    network: { by: fixed, address: 127.0.0.1, sshPort: 22 }";
    await writeFile(
      path,
      `version: 1\nboards:\n  pc:\n${board.describe({ storage, more: network })}`,
    );
    const driver = createBoardDriver({
      ...{ board: boardNamed(await loadBoards(path), "pc"), boardsPath: path, person: null },
      ...{ onProgress: () => undefined, silenceMs: 100, reopenMs: 100 },
    });
    return {
      driver,
      spec: {
        ...{ name: "candidate", architecture: "x86_64", firmware: "uefi" },
        ...{ memoryMiB: 512, cpus: 1, network: "closed", forwards: [], credentials: {} },
        disks: [
          {
            kind: "overlay",
            ...{ backingFile: disk, backingFormat: "raw" },
            contentDigest: `sha256:${"d".repeat(64)}`,
          },
        ],
        imageDigest: `sha256:${"1".repeat(64)}`,
      },
      guestSwitchesOff: async () => board.powerDown(),
      kill: () => board.unplug(),
    };
  },
  { kernelMs: 20_000, offMs: 20_000 },
);
