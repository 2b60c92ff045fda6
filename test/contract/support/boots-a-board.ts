/** Boots a board by its driver, says so, and stays: `boots-a-board.ts BOARDS.YAML DISK FOLDER`. */
import { loadBoards } from "../../../harness/machine/board/config.ts";
import { createBoardDriver } from "../../../harness/machine/board/driver.ts";

const [boardsPath = "", backingFile = "", directory = ""] = process.argv.slice(2);
const [board] = (await loadBoards(boardsPath)).boards;
if (board === undefined) throw new TypeError("There is a board.");
const { signal } = new AbortController();
const driver = createBoardDriver({ board, boardsPath, person: null, onProgress: () => undefined });
const machine = await driver.create(
  {
    ...{ name: "candidate", architecture: board.architecture, firmware: "uefi" },
    ...{ memoryMiB: 512, cpus: 1, network: "closed", forwards: [] },
    credentials: { "agetty.autologin": "root" },
    disks: [{ kind: "overlay", backingFile, backingFormat: "raw", contentDigest: "sha256:0" }],
    imageDigest: `sha256:${"1".repeat(64)}`,
  },
  { directory, signal },
);
await machine.power.on(signal);
await machine.console.reached("userspace", signal);
process.stdout.write("booted\n");
setInterval(() => undefined, 60_000);
