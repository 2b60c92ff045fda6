/**
 * A machine is the hardware a guest runs on: a QEMU process, a libvirt domain, a board, or the simulated one of the
 * fast tests. A driver knows nothing about guests (SSH, bootc); a scenario knows nothing about drivers.
 */
import type { Architecture, SectorBytes } from "../../images/image.ts";
import type { Deviation } from "../base/deviations.ts";
import type { Secret } from "../base/secrets.ts";
import type { Console } from "./console/console.ts";
import type { Picture } from "./console/screen-change.ts";

export type Firmware = "bios" | "uefi" | "uefi-secure-boot";
export type DriverKind = "qemu" | "libvirt" | "board" | "simulated";
/**
 * What not every machine can do. `power`: it can be switched off and on while its disk stays. `keys`: its serial console can be
 * typed at. `more-disks`: it can be given empty disks beside the one that it boots from.
 */
export type Capability =
  | "power"
  | "keys"
  | "more-disks"
  | "screenshot"
  | "removable-media"
  | "snapshot"
  | "tpm";

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

/** A kernel that the machine starts by itself, past firmware and boot loader. */
export interface DirectBoot {
  readonly kernel: string;
  readonly initrd: string;
  /** The kernel's command line. */
  readonly arguments: string;
}

/** A TCP service of the host that the guest may reach although its network is closed. */
export interface GuestForward {
  readonly guestAddress: string;
  readonly guestPort: number;
  readonly hostPort: number;
}

/** A TCP address at which guests reach a service of the harness. */
export interface ServiceAddress {
  readonly address: string;
  readonly port: number;
}

/** Frozen plain data; everything a driver must know to make the machine. Nothing in it is specific to one driver. */
export interface MachineSpec {
  /** Unique in the run; letters, digits and dashes. */
  readonly name: string;
  readonly architecture: Architecture;
  readonly firmware: Firmware;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly disks: readonly Disk[];
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

export interface SshAddress {
  readonly host: string;
  readonly port: number;
}

export interface Power {
  /** Switches on. Returns when power is on, not when the guest has booted. */
  on(signal: AbortSignal): Promise<void>;
  /** Pulls the plug. */
  off(signal: AbortSignal): Promise<void>;
  /** Presses reset. */
  reset(signal: AbortSignal): Promise<void>;
}

/** Name of the root channel's port in the guest, below /dev/virtio-ports. */
export const channelPortName = "org.bootgate.channel";

/** A named port through which bytes go to a program in the guest and back, without any network (virtio-serial). */
export interface GuestPort {
  /** True while a program in the guest holds the port open. */
  readonly guestListens: boolean;
  /** Calls back when `guestListens` changes; returns the function that ends this. */
  onChange(listener: (guestListens: boolean) => void): () => void;
  /** Calls back with what the guest says from now on; returns the function that ends this. */
  onData(listener: (bytes: Buffer) => void): () => void;
  /** Sends text to the guest. What is sent while the machine is off is lost. */
  send(text: string): void;
  /** Hangs up, so that the guest's program sees the end of its input, and calls again once it has let go of the port. */
  hangUp(): void;
}

export interface Screen {
  /** Writes a PNG of what the display shows. */
  screenshot(path: string, signal: AbortSignal): Promise<void>;
  /** What the display shows, as pixels; absent where the machine cannot tell, null where there is nothing to see. */
  readonly picture?: (signal: AbortSignal) => Promise<Picture | null>;
}

/** dispose: never throws, may be called twice, leaves nothing behind. */
export interface Machine extends AsyncDisposable {
  readonly spec: MachineSpec;
  readonly console: Console;
  readonly power: Power;
  readonly screen: Screen | null;
  /** `kvm`, `tcg`, `none`. */
  readonly accelerator: string;
  readonly start: "cold" | "fork";
  readonly deviations: readonly Deviation[];
  /** Rejects with MachineFault as soon as the machine itself has died without being told to (never resolves). */
  readonly died: Promise<never>;
  sshAddress(signal: AbortSignal): Promise<SshAddress>;
  /** The port of the root channel; absent where the machine does not have it. */
  readonly port?: GuestPort | null;
  /** What is worse than usual for those that are forked from it once it is frozen, in whole sentences. */
  readonly notes?: readonly string[];
}

/** What runs a guest's code, and how much slower than hardware. */
export type MachineSpeed = Pick<MachineDriver, "accelerator" | "timeScale">;

export interface MachineDriver {
  readonly kind: DriverKind;
  readonly capabilities: ReadonlySet<Capability>;
  /** What runs the code of guests of the host's own architecture: `kvm`, `tcg`, `none`. */
  readonly accelerator: string;
  /** Version of the program that makes the machines; null where no program does. */
  readonly version: string | null;
  /** How much slower its guests are than with hardware acceleration; at least 1 outside of tests. */
  readonly timeScale: number;
  /** What runs guests of an architecture, and how fast. Absent: all alike, as above. */
  speedOf?(architecture: Architecture): MachineSpeed;
  /** Where every guest finds the harness's registry, whatever its host port is. */
  readonly registry: ServiceAddress;
  /** Sizes of a logical sector, in bytes, of disks that its machines can boot from by this firmware. */
  sectorBytes(firmware: Firmware): readonly SectorBytes[];
  /** Why this driver cannot make the machine, for the skip line; touches nothing. */
  refuse(spec: Pick<MachineSpec, "architecture" | "firmware">): Promise<string | null>;
  cost(spec: MachineSpec): HostCost;
  /** Makes the machine, powered off. It owns all that was made for it. `directory` takes console log and screenshots. */
  create(spec: MachineSpec, options: CreateOptions): Promise<Machine>;
  /** Set where the driver has the capability `snapshot`. */
  readonly templates: Templates | null;
}

export interface CreateOptions {
  /** Where files that outlive the machine go (console.log). Exists. */
  readonly directory: string;
  readonly signal: AbortSignal;
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
