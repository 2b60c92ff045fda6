/**
 * What the machines of a job are, settled before anything boots: one value that the plan, the boot and the report share.
 * The sector size of a disk is the image's and stands in its machine's spec; what sizes are possible is the driver's.
 */
import type { Architecture, SectorBytes } from "../../images/image.ts";
import type {
  Capability,
  DriverKind,
  Firmware,
  MachineDriver,
  MachineSpeed,
  Tpm,
} from "./machine.ts";

export interface MachineProfile {
  readonly driver: DriverKind;
  /** How the command line names the driver. Absent: by its kind. */
  readonly word?: string;
  readonly architecture: Architecture;
  readonly firmware: Firmware;
  /** `kvm`, `tcg`, `none`. */
  readonly accelerator: string;
  /** How much slower its guests are than with hardware acceleration: every limit is stretched by this. */
  readonly timeScale: number;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly network: "closed" | "open";
  /** The TPM that each of its machines has, where the run asks for one. */
  readonly tpm?: Tpm | undefined;
  readonly capabilities: ReadonlySet<Capability>;
  /** Sizes of a logical sector, in bytes, of disks that it can boot from. */
  readonly sectorBytes: readonly SectorBytes[];
}

/** What a run chooses of its machines; the rest is the driver's. */
export type MachineWish = Pick<
  MachineProfile,
  "architecture" | "firmware" | "memoryMiB" | "cpus" | "network" | "tpm"
>;

/** Processors of a guest. Two are the fastest under emulation too: one took 135 s for a boot that two did in 56–85 s. */
export const guestCpus = 2;

/** What runs a driver's guests of an architecture: a host with KVM emulates all but its own. */
export const speedOf = (
  driver: Pick<MachineDriver, "accelerator" | "timeScale" | "speedOf">,
  architecture: Architecture,
): MachineSpeed => driver.speedOf?.(architecture) ?? driver;

/** The profile of a driver's machine. */
export const profileOf = (driver: MachineDriver, wish: MachineWish): MachineProfile => ({
  ...wish,
  driver: driver.kind,
  ...(driver.word === undefined ? {} : { word: driver.word }),
  accelerator: speedOf(driver, wish.architecture).accelerator,
  timeScale: speedOf(driver, wish.architecture).timeScale,
  capabilities: driver.capabilities,
  sectorBytes: driver.sectorBytes(wish.firmware),
});

/** Whether the driver makes this machine; a run may have several boards. */
export const isOf = (
  { kind, word }: Pick<MachineDriver, "kind" | "word">,
  machine: Pick<MachineProfile, "driver" | "word">,
): boolean => kind === machine.driver && word === machine.word;

/** What `boards.yaml` calls the board; undefined where the machine is not one. */
export const boardOf = ({
  driver,
  word,
}: Pick<MachineProfile, "driver" | "word">): string | undefined =>
  driver === "board" ? word?.replace(/^board:/, "") : undefined;

/**
 * How much slower an emulated guest is, the one number for it. Measured boots take 6 to 12 times as long as under KVM, and
 * budgets are generous for hardware, so the least of it is enough.
 */
const emulatedTimeScale = 6;

/** The time scale of an accelerator. */
export const timeScaleOf = (accelerator: string): number =>
  accelerator === "tcg" ? emulatedTimeScale : 1;

/**
 * By how much the limits of the console watcher are stretched. Half of the time scale, since a guest that is many times
 * slower as a whole does not pause between two lines for as many times longer.
 */
export const consolePatience = (timeScale: number): number => Math.max(1, timeScale / 2);
