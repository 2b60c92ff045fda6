/** The drivers of a run, as its command line names them, and what makes disks where none of them can. */
import { provideVirtFwVars } from "../../../images/secure-boot/virt-firmware.ts";
import { HostUnfit } from "../../base/errors.ts";
import { cacheRoot } from "../../base/workspace.ts";
import type { MachineDriver } from "../../machine/machine.ts";
import { canMakeDisks } from "./disk-options.ts";
import { type MachineWord, openDriver, readMachineWord } from "./drivers.ts";
import { driverOptions } from "./probe-kernel.ts";

/** What the command line says of drivers, as commander gives it. */
export interface DriverChoice {
  /** Default: `qemu` alone. */
  readonly machine?: readonly MachineWord[];
  readonly accelerator?: "auto" | "kvm" | "tcg";
  readonly kvmProbeSeconds?: number;
  /** The file that describes the boards. Absent: the usual places. */
  readonly boards?: string;
}

/** Makes the drivers that were asked for. Throws UsageError and HostUnfit as `openDriver` does. */
export async function openDrivers(
  { machine = ["qemu"], accelerator, kvmProbeSeconds, boards }: DriverChoice,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<[MachineDriver, ...MachineDriver[]]> {
  const options = {
    ...(accelerator === undefined ? {} : { accelerator }),
    ...(kvmProbeSeconds === undefined ? {} : { kvmProbeSeconds }),
  };
  const cacheDir = cacheRoot();
  const host = {
    ...(await driverOptions(cacheDir)),
    variablesProgram: (stop: AbortSignal) =>
      provideVirtFwVars({ cacheDir, onProgress: say, signal: AbortSignal.any([stop, signal]) }),
    onProgress: say,
    signal,
  };
  const open = (word: MachineWord): Promise<MachineDriver> => {
    const { name, uri, board } = readMachineWord(word) ?? { name: "qemu" };
    const which = {
      ...(uri === undefined ? {} : { uri }),
      ...(name === "board" ? { board, ...(boards === undefined ? {} : { boards }) } : {}),
    };
    return openDriver(name, { ...options, ...which }, host);
  };
  const [first = "qemu", ...others] = machine;
  const drivers: [MachineDriver, ...MachineDriver[]] = [await open(first)];
  for (const word of others) drivers.push(await open(word));
  return drivers;
}

/** What runs helper machines, which start a kernel directly: QEMU's own machines, also where guests are domains of libvirt's or boards. */
export async function helperDriver(
  drivers: readonly MachineDriver[],
  choice: DriverChoice,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<MachineDriver | undefined> {
  const own = drivers.find(({ kind }) => kind === "qemu");
  if (own !== undefined || !canMakeDisks(drivers.map(({ kind }) => kind))) return own;
  const onlyBoards = drivers.every(({ kind }) => kind === "board");
  const how = { ...choice, machine: ["qemu"] as const };
  const opened = openDrivers(how, say, signal).catch((error: unknown) => {
    // A disk image needs none.
    if (!onlyBoards || !(error instanceof HostUnfit)) throw error;
    say(`No disk can be made of an image that has none: ${error.headline}`);
    return [undefined] as const;
  });
  return (await opened)[0];
}
