/**
 * The command line and composition root: reads words, wires the parts together, turns the end into an exit code. Each
 * command is loaded only when it is asked for, so that `list` and `--help` answer at once.
 */
import { Command, CommanderError, Option } from "commander";
import { BootgateError } from "../base/errors.ts";
import type { ExitCode } from "../base/exit-code.ts";
import { harnessVersion } from "../base/version.ts";
import { addBoardsCommand } from "./commands/boards-program.ts";
import { addCutPointCommand } from "./commands/cut-point-program.ts";
import { addImagesCommand } from "./commands/images-program.ts";
import { addMigratePlanCommand } from "./commands/migrate-plan-program.ts";
import { answerForFaults, outliveReaders, tell, tellFault } from "./terminal/endings.ts";
import {
  duration,
  jobsNumber,
  positiveNumber,
  shardsNumber,
  wholeNumber,
} from "./terminal/option-values.ts";
import { refuseOddOptions } from "./terminal/refuse-options.ts";
import { addCutOptions } from "./wiring/cut-options.ts";
import { addDiskOptions } from "./wiring/disk-options.ts";
import { addImageOptions, addRegistryOptions, secureBootOption } from "./wiring/image-options.ts";
import {
  addAcceleratorOptions,
  addArchitectureOption,
  addArchitecturesOption,
  addKindOptions,
  addTransportOptions,
  probeOption,
} from "./wiring/machine-options.ts";
import { addSourceOptions } from "./wiring/source-options.ts";
import { addTpmOptions } from "./wiring/tpm-options.ts";

// What others in the user's group could write to would not be ours: a umask of 002 is the default of many systems.
process.umask(process.umask() | 0o022);

function addMachineOptions(command: Command, addArchitecture = addArchitecturesOption): Command {
  const kinds = addTpmOptions(addKindOptions(addArchitecture(command)));
  return addDiskOptions(addAcceleratorOptions(kinds))
    .addOption(
      new Option("--network <mode>", "what guests reach")
        .choices(["closed", "open"])
        .default("closed"),
    )
    .option("--memory <MiB>", "memory of a guest", wholeNumber, 1536);
}

function addSelection(command: Command): Command {
  return addCutOptions(command)
    .argument("[scenarios...]", "scenario ids or folders; none means the suite")
    .addOption(
      new Option("--suite <name>", "which scenarios: gate, what each change needs; full, all")
        .choices(["gate", "full"])
        .default("gate"),
    );
}

/** Builds the program; `setExit` is told the exit code of the command that ran. */
export function buildProgram(
  setExit: (code: ExitCode) => void,
  onRun: (directory: string) => void = () => undefined,
): Command {
  const program = new Command("bootgate")
    .description("Decides, with evidence, whether a bootable OS image may be promoted")
    .version(harnessVersion)
    .showSuggestionAfterError()
    .configureHelp({ helpWidth: 100 })
    .exitOverride();

  program
    .command("list")
    .description("the scenarios, with what they need")
    .option("--json", "as JSON")
    .addOption(new Option("--suite <name>", "only those of a suite").choices(["gate", "full"]))
    .option("--history <path>", "earlier runs, a file or a folder: rates and expected durations")
    .action(async (options) => (await import("./commands/list.ts")).list(options));

  addMachineOptions(addSourceOptions(addImageOptions(addSelection(program.command("plan")))))
    .description("what would run, and what is skipped and why")
    .option("--json", "as JSON")
    .addOption(
      new Option(
        "--format <ci>",
        "fan the jobs out over machines of a CI; github and forgejo get a matrix, which holds no options",
      ).choices(["github", "gitlab", "forgejo", "tekton"]),
    )
    .option("--shards <n>", "how many machines, with --format", shardsNumber, 2)
    .option(
      "--history <file>",
      "expected durations from earlier runs; with --format gitlab or tekton the runs get it",
    )
    .option(
      "--policy <file>",
      "check this gate.yaml; with --format gitlab or tekton the runs and the verdict get it",
    )
    .option("--known <file>", "list of known failures, for the same")
    .option("--deadline <time>", "deadline of each run, with --format gitlab or tekton", duration)
    .option("--retries <n>", "retries of each run, with --format gitlab or tekton", wholeNumber, 0)
    .action(async (names, options) =>
      (await import("./commands/plan-command.ts")).plan(names, options),
    );

  const run = addMachineOptions(
    addSourceOptions(addImageOptions(addSelection(program.command("run")))),
  )
    .description("boot the images, run the scenarios, write the reports")
    .option("--jobs <n>", "jobs at once, or auto", jobsNumber, "auto")
    .option("--out <dir>", "folder for run directories", "runs")
    .option("--cold", "boot every guest cold, fork none");
  addTransportOptions(run, { who: "scenarios speak to guests", usual: "ssh" })
    .option(
      "--retries <n>",
      "attempts after the first for a job that failed or broke",
      wholeNumber,
      0,
    )
    .option(
      "--deadline <time>",
      "end the run, with evidence, before this much time has passed",
      duration,
    )
    .option("--policy <file>", "check this gate.yaml against the run before anything boots")
    .option("--known <file>", "list of known failures instead of the built-in one")
    .option("--shard <i/n>", "run one of n parts, split by expected duration")
    .option("--history <file>", "expected durations from earlier runs; this run is added")
    .option(
      "--keep [time]",
      "leave the guests of a failed step running this long (default 1h)",
      (text) => duration(text),
    )
    .option("--pause-on-failure", "stop at a failure, say how to get a shell, and wait for Enter")
    .action(async (names, options) =>
      setExit(await (await import("./commands/run-command.ts")).run(names, options, onRun)),
    );

  addAcceleratorOptions(program.command("selftest"))
    .description(
      "prove the gate: green on the good reference OS, held for the right reason on each broken one",
    )
    .option("--out <dir>", "folder for run directories", "runs")
    .option("--jobs <n>", "jobs at once, or auto", jobsNumber, "auto")
    .option("--only <case>", "one case")
    .addOption(
      new Option("--suite <name>", "full has the slow cases, too")
        .choices(["gate", "full"] as const)
        .default("gate" as const),
    )
    .action(async (options) =>
      setExit(await (await import("./commands/selftest-command.ts")).selftest(options)),
    );

  const shell = addRegistryOptions(
    addMachineOptions(program.command("shell <image>"), addArchitectureOption),
  );
  addTransportOptions(shell, { who: "the shell is reached", usual: "auto" })
    .description("boot an image and give a shell in it")
    .option("--catalogue <file>", "a catalogue of images besides the built-in one")
    .addOption(secureBootOption())
    .option("--cold", "boot cold")
    .action(async (image, options) =>
      setExit(await (await import("./commands/shell-command.ts")).shell(image, options)),
    );

  addImagesCommand(program, setExit);
  addCutPointCommand(program);
  addMigratePlanCommand(program);
  addBoardsCommand(program);

  program
    .command("report <run>")
    .description("write all reports of a run directory again, from its events")
    .option("--previous <run>", "run directory to compare with")
    .option("--history <path>", "earlier runs, a file or a folder, to tell beside this one")
    .action(async (directory, options) =>
      setExit(await (await import("./commands/report-command.ts")).report(directory, options)),
    );

  program
    .command("verdict <runs...>")
    .description("promote or hold: judge finished runs by a policy, write decision.json")
    .option("--policy <file>", "gate.yaml; without it every scenario of the suite gate is required")
    .option("--known <file>", "list of known failures instead of the built-in one")
    .option("--history <file>", "earlier runs, to tell stale known failures and for the reports")
    .option("--previous <run>", "run directory of the last promoted run, for budgets")
    .option("--out <path>", "folder or .json file for the decision, instead of each run directory")
    .option("--json", "print the decision as JSON")
    .action(async (runs, options) =>
      setExit(await (await import("./commands/verdict-command.ts")).verdict(runs, options)),
    );

  program
    .command("promote <decision>")
    .description("on PROMOTE move a tag to exactly the tested image; on HOLD touch nothing")
    .requiredOption("--from <source>", "oci:DIR:TAG or docker://REGISTRY/NAME@sha256:…")
    .requiredOption("--to <reference>", "the tag to move: REGISTRY/NAME:TAG")
    .option("--expect <digest>", "what the tag must stand for now: a digest or absent")
    .option("--policy <file>", "the policy that the decision was made by, unless the built-in one")
    .option("--known <file>", "the list of known failures that it was made with")
    .option("--previous <run>", "the last promoted run that it was compared with")
    .option("--runs <dirs...>", "judged run directories that do not lie beside the decision")
    .option("--authfile <file>", "credentials for registries, instead of podman's and docker's")
    .option("--cert-dir <dir>", "ca.crt, and client.cert and client.key, for registries")
    .addOption(
      new Option("--tls-verify <bool>", "false: HTTP without TLS")
        .choices(["true", "false"])
        .default("true"),
    )
    .action(async (decision, options) =>
      setExit(await (await import("./commands/promote-command.ts")).promote(decision, options)),
    );

  program
    .command("known [runs...]")
    .description("the known failures, how often each was hit, and which are stale or expired")
    .option("--known <file>", "list of known failures instead of the built-in one")
    .option("--history <file>", "earlier runs")
    .option("--stale-after <n>", "runs without a hit after which an entry is stale", positiveNumber)
    .option("--json", "as JSON")
    .action(async (runs, options) =>
      setExit(await (await import("./commands/known-command.ts")).known(runs, options)),
    );

  program
    .command("merge <runs...>")
    .description("make one run of the shards of a run")
    .option("--out <dir>", "folder for the merged run directory", "runs")
    .action(async (runs, options) =>
      setExit(await (await import("./commands/merge-command.ts")).merge(runs, options)),
    );

  program
    .command("doctor")
    .description("what this host can do and what it lacks")
    .option("--json", "as JSON")
    .addOption(probeOption())
    .action(async (options) =>
      setExit(await (await import("./commands/doctor-command.ts")).doctor(options)),
    );

  program
    .command("clean")
    .description("remove what killed runs left behind")
    .option("--templates", "remove frozen guests too that no run uses")
    .option("--images", "remove built, fetched and unpacked images too that no run uses")
    .action(async (options) => (await import("./commands/clean-command.ts")).clean(options));

  refuseOddOptions(program);
  return program;
}

/**
 * Runs the command line and returns the exit code. Every error is told here, once. `onRun` hears of the directory of a
 * finished run, for the program that goes on with it: a run that never began does not leave one.
 */
export async function main(
  argv: readonly string[],
  onRun?: (directory: string) => void,
): Promise<ExitCode> {
  outliveReaders();
  answerForFaults();
  let exit: ExitCode = 0;
  try {
    await buildProgram((code) => {
      exit = code;
    }, onRun).parseAsync([...argv]);
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof BootgateError) {
      tell(error.message);
      return error.blame === "caller" ? 2 : error.blame === "image" ? 1 : 3;
    }
    tellFault(error);
    return 3;
  }
}

if (import.meta.filename === process.argv[1]) {
  process.exitCode = await main(process.argv);
}
