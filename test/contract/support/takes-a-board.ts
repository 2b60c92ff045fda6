/** Takes the board of the `boards.yaml` that is its first argument and holds it until it is killed; says `held`. */
import { boardNamed, loadBoards } from "../../../harness/machine/board/config.ts";
import { takeBoard } from "../../../harness/machine/board/lease/lease.ts";

const boards = await loadBoards(process.argv[2] ?? "");
await takeBoard({
  board: boardNamed(boards, "pi"),
  boardsPath: boards.path,
  use: "a test",
  lastsMs: 600_000,
  signal: new AbortController().signal,
});
process.stdout.write("held\n");
setInterval(() => undefined, 60_000);
