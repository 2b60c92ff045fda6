/**
 * A machine is the hardware a guest runs on: a QEMU process, a libvirt domain, a board, or the simulated one of the
 * fast tests. A driver knows nothing about guests (SSH, bootc); a scenario knows nothing about drivers.
 */
import type { Architecture, SectorBytes } from "../../images/image.ts";
import type { Deviation } from "../base/deviations.ts";
import type { BootgateError } from "../base/errors.ts";
import type { Secret } from "../base/secrets.ts";
import type { Console } from "./console/console.ts";
import type {
  Capability,
  DiskRecord,
  Firmware,
  GuestForward,
  GuestPort,
  HostServices,
  Media,
  Network,
  Power,
  PowerEnd,
  Screen,
} from "./roles.ts";

export type {
  Capability,
  DiskRecord,
  Firmware,
  GuestForward,
  GuestPort,
  Network,
  Power,
  PowerEnd,
  Screen,
  ServiceAddress,
  SshAddress,
} from "./roles.ts";

export type DriverKind = "qemu" | "libvirt" | "board" | "simulated";
/** What the disks of a machine hang on: virtio-blk, a SCSI controller of virtio's, or an NVMe controller for each. */
export type DiskBus = "virtio" | "scsi" | "nvme";

/** A disk as the guest sees it. `overlay` is a throw-away layer over a read-only backing file. */
export type Disk =
  | {
      readonly kind: "overlay";
      readonly backingFile: string;
      readonly backingFormat: "qcow2" | "raw";
      /** Digest of the content: part of a template's cache key, since a path says nothing about what lies there. */
      readonly contentDigest: string;
      /** `fileStamp` of the file when its digest was taken; one that has changed since is refused. */
      readonly stamp?: string | undefined;
      /** Logical and physical sector in bytes. Absent: 512. */
      readonly sectorBytes?: SectorBytes | undefined;
    }
  | { readonly kind: "blank"; readonly sizeMiB: number }
  | { readonly kind: "iso"; readonly path: string; readonly contentDigest: string }
  /** A file of the harness that is attached as it is: what a helper reads, or what it makes. Never a disk that is judged. */
  | {
      readonly kind: "working";
      readonly path: string;
      readonly format: "qcow2" | "raw";
      readonly readOnly: boolean;
      readonly sectorBytes?: SectorBytes | undefined;
    };

/** A TPM 2.0 of a machine. */
export interface Tpm {
  /** What it holds when the machine is made; each machine has a copy. Absent: it is new. */
  readonly state?: TpmState | undefined;
}

/** A file with what a TPM keeps while it is off, as swtpm(8) writes it (`tpm2-00.permall`). */
export interface TpmState {
  readonly path: string;
  /** Digest of its content: part of a template's cache key. */
  readonly contentDigest: string;
}

/** A kernel that the machine starts by itself, past firmware and boot loader. */
export interface DirectBoot {
  readonly kernel: string;
  readonly initrd: string;
  /** The kernel's command line. */
  readonly arguments: string;
}

/** Frozen plain data; everything a driver must know to make the machine. Nothing in it is specific to one driver. */
export interface MachineSpec {
  /** Unique in the run; letters, digits and dashes. */
  readonly name: string;
  readonly architecture: Architecture;
  readonly firmware: Firmware;
  /** With Secure Boot: folder with the certificates `PK`, `KEK` and `db` that the firmware has. Absent: those that machines come with. */
  readonly secureBootKeys?: string | undefined;
  /** Absent: the machine does not have one. */
  readonly tpm?: Tpm | undefined;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly disks: readonly Disk[];
  /** Absent: virtio-blk. CD drives keep their own. */
  readonly diskBus?: DiskBus | undefined;
  /** `closed`: the guest reaches its forwards and nothing else. `open`: it reaches what the host reaches. */
  readonly network: "closed" | "open";
  readonly forwards: readonly GuestForward[];
  /** systemd credentials by name, given without touching the image (SMBIOS type 11; systemd.system-credentials(7)). */
  readonly credentials: Readonly<Record<string, string>>;
  /** Identity of the image on the first disk, for people and for the simulated machine; disks are told apart by their content. */
  readonly imageDigest: string;
  /** What is typed where a boot asks on the serial console for the passphrase of its disk. */
  readonly passphrase?: Secret | undefined;
  /** Its disk may ask for a passphrase that nobody told: a question for one is not held against the image. */
  readonly passphraseUntold?: boolean | undefined;
  /** The machine has the port of the root channel. */
  readonly channel?: boolean;
  /** All that is written to the first disk, an overlay, is recorded (`write-log`). Such a machine boots cold and is never frozen. */
  readonly recordsWrites?: boolean | undefined;
  /** For helpers of the harness; a guest that is judged boots from its disk. */
  readonly directBoot?: DirectBoot | undefined;
  /** A reboot switches the machine off instead: what was started from a medium must not be started from it again. */
  readonly rebootEnds?: boolean | undefined;
  /** A named port whose bytes go into a file: where a program of the guest's looks for a place for its log. */
  readonly logPort?: LogPort | undefined;
}

/** Where a guest finds the port, below /dev/virtio-ports, and where its bytes go. */
export interface LogPort {
  readonly name: string;
  readonly path: string;
}

/** What a running machine takes from the host. */
export interface HostCost {
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly diskMiB: number;
  /** Names of things only one machine may hold, e.g. `board:pi4-02`. */
  readonly locks: readonly string[];
}

/** Name of the root channel's port in the guest, below /dev/virtio-ports. */
export const channelPortName = "org.bootgate.channel";

/** Bytes that were laid on a machine's disk for this very use of it: a system that runs from another disk does not show them. */
export interface WrittenMark {
  /** From the beginning of the disk. A multiple of 512. */
  readonly offsetBytes: number;
  /** 512 of them. */
  readonly bytes: Uint8Array;
}

/**
 * A machine is what it has of the roles. `sshAddress` is absent where it does not have the role of the network, `screen` is null
 * without a display, `port` without the root channel's port. dispose: never throws, may be called twice, leaves nothing behind.
 */
export interface Machine extends PowerEnd, Partial<Network>, AsyncDisposable {
  readonly spec: MachineSpec;
  readonly console: Console;
  readonly power: Power;
  readonly screen: Screen | null;
  /** `kvm`, `tcg`, `none`. */
  readonly accelerator: string;
  readonly start: "cold" | "fork";
  readonly deviations: readonly Deviation[];
  /** The port of the root channel; absent where the machine does not have it. */
  readonly port?: GuestPort | null;
  /** What the system has to find on the disk that it booted from; absent or null where nothing was laid there. */
  readonly mark?: WrittenMark | null;
  /** When its last boot began, by performance.now(), where that is not when `power.on` returned: where a person switches it. */
  readonly poweredOnAt?: number | null;
  /** What was written to its first disk; absent or null where that is not recorded. */
  readonly record?: DiskRecord | null;
  /** What is worse than usual for those that are forked from it once it is frozen, in whole sentences. */
  readonly notes?: readonly string[];
  /** Names and versions of firmware and boot loaders, as the current boot told them, where the machine is one that has its own: a board. */
  readonly firmware?: readonly string[];
}

/** What a machine that stays what it is, a board, is checked by before an image is blamed. */
export interface KnownGood {
  /** As `--candidate` takes it. */
  readonly image: string;
  readonly architecture: Architecture;
  /** Keeps what a boot of it has shown: null, or what was wrong. Returns false where that shows nothing of the machine, as a host that cannot. */
  note(fault: BootgateError | null): Promise<boolean>;
}

/** What runs a guest's code, and how much slower than hardware. */
export type MachineSpeed = Pick<MachineDriver, "accelerator" | "timeScale">;

export interface MachineDriver extends HostServices, Media {
  readonly kind: DriverKind;
  /** What `--machine` has to say to get this very driver. Absent: its kind. */
  readonly word?: string;
  /** Those of the roles that it has, as far as they have a name that a story can need. */
  readonly capabilities: ReadonlySet<Capability>;
  /** What runs the code of guests of the host's own architecture: `kvm`, `tcg`, `none`. */
  readonly accelerator: string;
  /** False where its machines cannot have the port of the root channel. Absent: they can. */
  readonly hasChannel?: boolean;
  /** Version of the program that makes the machines; null where no program does. */
  readonly version: string | null;
  /** How much slower its guests are than with hardware acceleration; at least 1 outside of tests. */
  readonly timeScale: number;
  /** What runs guests of an architecture, and how fast. Absent: all alike, as above. */
  speedOf?(architecture: Architecture): MachineSpeed;
  /** Why this driver cannot make the machine, for the skip line; touches nothing. */
  refuse(
    spec: Pick<MachineSpec, "architecture" | "firmware" | "secureBootKeys" | "tpm">,
  ): Promise<string | null>;
  cost(spec: MachineSpec): HostCost;
  /** Makes the machine, powered off. It owns all that was made for it. `directory` takes console log and screenshots. */
  create(spec: MachineSpec, options: CreateOptions): Promise<Machine>;
  /** How often a person moves a card for each boot of another image or of a fresh copy of one. Absent: never. */
  readonly cardMoves?: number | undefined;
  /** Absent: each machine is a new one, or no image was named for it. */
  readonly knownGood?: KnownGood | undefined;
  /** Set where the driver has the capability `snapshot`. */
  readonly templates: Templates | null;
}

export interface CreateOptions {
  /** Where files that outlive the machine go (console.log). Exists. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Stops the clock of whose machine it is until what it returns is called: for as long as a person is asked to act. */
  readonly pauseClock?: (() => () => void) | undefined;
}

/** Boot once, fork many. A template is a guest frozen after its first boot; forks share its memory copy-on-write. */
export interface Templates {
  /** Identity of the template a spec could be forked from. Equal key = the same content boots: disks, firmware, machine, memory, credentials, emulator. */
  key(spec: MachineSpec): Promise<string>;
  /** Path of a finished template for that key, or null. */
  find(key: string): Promise<string | null>;
  /**
   * Held by the run that makes the template `key`, so that two runs do not both boot it. Look again with `find` once it is
   * held. `onWait` is called once where another run holds it, with who that is.
   */
  lock(
    key: string,
    signal: AbortSignal,
    onWait?: (holder: string) => void,
  ): Promise<AsyncDisposable>;
  /** Freezes a running machine into the template `key`, ending the machine. Atomic: a killed freeze leaves no template. */
  freeze(machine: Machine, key: string, signal: AbortSignal): Promise<void>;
  /** A running machine that continues where the template stood. Throws MachineFault when the restore fails. */
  fork(key: string, spec: MachineSpec, options: CreateOptions): Promise<Machine>;
  /** Removes a template that has proved bad. */
  forget(key: string): Promise<void>;
}
