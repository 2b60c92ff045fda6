/** The command `migrate-plan` and its options, apart from the rest of the program. */
import { type Command, Option } from "commander";

/** Adds it; what it does is loaded when it is asked for. */
export function addMigratePlanCommand(program: Command): void {
  program
    .command("migrate-plan <status>")
    .description(
      "how a host with layered packages comes to bootc: kept, dropped, needed, and a Containerfile; STATUS is what `rpm-ostree status --json` printed, a file or - for standard input, or ssh://[USER@]HOST[:PORT], which is asked by your own ssh client",
    )
    .addOption(
      new Option("--format <kind>", "what to print")
        .choices(["text", "json", "containerfile"] as const)
        .default("text" as const),
    )
    .addOption(
      new Option(
        "--deployment <which>",
        "plan for the deployment that runs, or for the next to boot",
      )
        .choices(["booted", "next"] as const)
        .default("booted" as const),
    )
    .option("--kargs <file>", "what `rpm-ostree kargs` printed, for a file of kargs.d")
    .action(async (status, options) =>
      (await import("./migrate-plan-command.ts")).migratePlan(status, options),
    );
}
