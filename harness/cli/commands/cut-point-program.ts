/** The command `cut-point` and its options, apart from the rest of the program. */
import type { Command } from "commander";
import { cutNumber, cutSeed } from "../wiring/cut-options.ts";

/** Adds it; what it does is loaded when it is asked for. */
export function addCutPointCommand(program: Command): void {
  program
    .command("cut-point <record>")
    .description(
      "make the disk that one power cut left, to look at it by hand; RECORD is the writes.log of a job of 'power/' that failed",
    )
    .requiredOption(
      "--point <n>",
      "number of the point, as a guest cut-N and the report tell it",
      cutNumber,
    )
    .requiredOption("--out <file>", "the raw disk that is made; it must not be there")
    .option("--seed <word>", "seed of the point; else that of the run", cutSeed)
    .option(
      "--before <disk>",
      "the disk that the guest began with, where it lies somewhere else now",
    )
    .action(async (record, options) =>
      (await import("./cut-point-command.ts")).cutPointDisk(record, options),
    );
}
