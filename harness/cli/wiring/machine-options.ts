/** Options about the kind of machine, which several commands share. */
import { type Command, Option } from "commander";
import type { Firmware } from "../../machine/machine.ts";
import { listOf, seconds } from "../terminal/option-values.ts";
import { driverNames } from "./drivers.ts";

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

/** `--machine` and `--firmware`: each scenario gets a job on each of them. */
export const addKindOptions = (command: Command): Command =>
  command
    .addOption(
      new Option("--machine <kinds>", `kinds of machine, with commas: ${driverNames.join(", ")}`)
        .argParser(listOf(driverNames))
        .default(["qemu"], "qemu"),
    )
    .addOption(
      new Option("--firmware <kinds>", `firmware, with commas: ${firmwareKinds.join(", ")}`)
        .argParser(listOf(firmwareKinds))
        .default(["uefi"], "uefi"),
    );
