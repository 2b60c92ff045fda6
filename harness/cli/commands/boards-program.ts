/** The words of `bootgate boards …`; what they do is loaded when it is asked for. */
import type { Command } from "commander";
import { duration } from "../terminal/option-values.ts";
import { addRegistryOptions } from "../wiring/image-options.ts";

const file = [
  "--boards <file>",
  "the file that describes the boards, instead of the usual places",
] as const;

/** `bootgate boards …`. */
export function addBoardsCommand(program: Command): void {
  const boards = program.command("boards").description("the boards of this host, and who has them");
  boards
    .command("list")
    .description("each board, who has it until when, and whether it is set aside")
    .option(...file)
    .option("--json", "as JSON")
    .action(async (options) => (await import("./boards-command.ts")).listBoards(options));
  boards
    .command("lease <board>")
    .description("keep a board for yourself until Ctrl-C; then it is switched off and free")
    .option(...file)
    .option("--for <time>", "at most so long", duration, 7_200_000)
    .action(async (name, options) =>
      (await import("./boards-command.ts")).leaseBoard(name, options),
    );
  boards
    .command("release <board>")
    .description("end somebody's lease: the board is switched off and free")
    .option(...file)
    .action(async (name, options) =>
      (await import("./boards-command.ts")).releaseLease(name, options),
    );
  const health = boards
    .command("health <board>")
    .description("boot the known-good image of a board, and keep whether it does")
    .option(...file)
    .option("--last", "boot nothing, and tell what the last checks said")
    .option("--json", "tell it as JSON")
    .option("--out <dir>", "folder for the console's log of a board that does not boot it", "runs")
    .option("--catalogue <file>", "a catalogue of images besides the built-in one");
  addRegistryOptions(health).action(async (name, options) =>
    (await import("./boards-health-command.ts")).boardHealth(name, options),
  );
  boards
    .command("clear <board>")
    .description("a board that was set aside may be used again")
    .option(...file)
    .action(async (name, options) =>
      (await import("./boards-command.ts")).clearAside(name, options),
    );
}
