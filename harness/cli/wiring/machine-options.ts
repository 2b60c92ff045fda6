/** Options about the kind of machine, which several commands share. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { supportedArchitectures } from "../../../images/image.ts";
import { UsageError } from "../../base/errors.ts";
import type { TransportChoice } from "../../guest/connect-options.ts";
import type { Firmware } from "../../machine/machine.ts";
import { listOf, seconds } from "../terminal/option-values.ts";
import { driverNames, type MachineWord, readMachineWord } from "./drivers.ts";

const firmwareKinds: readonly Firmware[] = ["uefi", "bios", "uefi-secure-boot"];

/** `--kvm-probe-seconds`. */
export const probeOption = (): Option =>
  new Option(
    "--kvm-probe-seconds <n>",
    "how long a kernel may take to prove that KVM works (default 15); a host that is emulated itself needs minutes",
  ).argParser(seconds);

/** `--accelerator` and the limit of its probe. */
export const addAcceleratorOptions = (command: Command): Command =>
  command
    .addOption(
      new Option(
        "--accelerator <kind>",
        "auto takes KVM where a kernel really ran under it; kvm and tcg force it",
      )
        .choices(["auto", "kvm", "tcg"])
        .default("auto"),
    )
    .addOption(probeOption());

/** `--architecture`, for disks of which nothing says it and indexes that have several. */
export const addArchitectureOption = (command: Command): Command =>
  command.addOption(
    new Option(
      "--architecture <name>",
      "which image of an index is meant, and for which architecture disks are that do not say it themselves",
    ).choices(supportedArchitectures),
  );

/** The same for commands whose jobs may be of several architectures. */
export const addArchitecturesOption = (command: Command): Command =>
  command.addOption(
    new Option(
      "--architecture <names>",
      "which images of an index are meant, with commas, and for which architecture disks are that do not say it themselves: x86_64, aarch64",
    ).argParser(listOf(supportedArchitectures)),
  );

/** Kinds of machine, as `--machine` takes them. */
const kindWords = driverNames.map((name) => (name === "board" ? "board:NAME" : name)).join(", ");

/** Kinds of machine with commas, each once; boards are told apart by their names. */
function machineWords(text: string): readonly MachineWord[] {
  const words = text.split(",").map((word) => {
    const read = readMachineWord(word);
    if (read?.name === "board" && read.board === undefined)
      throw new InvalidArgumentError("Expected the name of a board: board:NAME.");
    if (read !== null) return read.word;
    throw new InvalidArgumentError(
      `Allowed choices are ${kindWords} and libvirt:URI; several with commas.`,
    );
  });
  const unique = [...new Set(words)];
  const daemons = unique.filter((word) => readMachineWord(word)?.name === "libvirt");
  if (daemons.length <= 1) return unique;
  throw new InvalidArgumentError(
    "One daemon of libvirt at a time: its jobs are told apart by the kind.",
  );
}

/** `--machine` and `--firmware`: each scenario gets a job on each of them. */
export const addKindOptions = (command: Command): Command =>
  command
    .addOption(
      new Option(
        "--machine <kinds>",
        `kinds of machine, with commas: ${kindWords} (libvirt:URI for another daemon than virsh's own)`,
      )
        .argParser(machineWords)
        .default(["qemu"], "qemu"),
    )
    .option("--boards <file>", "the file that describes the boards, instead of the usual places")
    .addOption(
      new Option("--firmware <kinds>", `firmware, with commas: ${firmwareKinds.join(", ")}`)
        .argParser(listOf(firmwareKinds))
        .default(["uefi"], "uefi"),
    );

/** What the command line says of the ways into a guest. */
export interface TransportOptions {
  readonly channel: boolean;
  readonly transport: TransportChoice;
}

/** `--no-channel` and `--transport`. */
export const addTransportOptions = (
  command: Command,
  { who, usual }: { readonly who: string; readonly usual: TransportChoice },
): Command =>
  command
    .option("--no-channel", "leave out the root channel, by which guests are asked besides SSH")
    .addOption(
      new Option(
        "--transport <kind>",
        `how ${who}; auto: SSH, else the root channel, else the serial console`,
      )
        .choices(["ssh", "channel", "serial", "auto"])
        .default(usual),
    );

/** Throws a UsageError for a way over a channel that is left out. */
export function chooseTransport({ channel, transport }: TransportOptions): TransportChoice {
  if (channel || transport !== "channel") return transport;
  throw new UsageError("'--transport channel' and '--no-channel' exclude each other.");
}
