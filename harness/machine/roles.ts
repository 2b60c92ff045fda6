/**
 * The roles of a machine, each small enough to be proved by one suite (`test/drivers/machine`). A driver gives those that it has;
 * one that it does not have is null or absent, and the capability by which a story's `needs` name it is not in the driver's set.
 * The console, which every machine has, is in `console/console.ts`.
 */
import type { SectorBytes } from "../../images/image.ts";
import type { Picture } from "./console/screen-change.ts";

export type Firmware = "bios" | "uefi" | "uefi-secure-boot";

/**
 * What not every machine can do. `power`: it can be switched off and on while its disk stays. `keys`: its serial console can be
 * typed at. `screenshot`: its display can be seen. `network`: the harness reaches its guest over IP. `services`: the guest reaches
 * services of the harness, such as its registry. `more-disks`: it can be given empty disks beside the one that it boots from.
 * `disk-bus`: it can be chosen what its disks hang on.
 * `removable-media`: it can be given a medium that is read only, an ISO. `tpm`: it can be given a TPM 2.0.
 * `write-log`: all that its guest writes to its first disk can be recorded.
 */
export type Capability =
  | "power"
  | "keys"
  | "screenshot"
  | "network"
  | "services"
  | "more-disks"
  | "disk-bus"
  | "removable-media"
  | "snapshot"
  | "tpm"
  | "write-log";

/** On and off. Capability `power`, where the disk stays over it. */
export interface Power {
  /** Switches on. Returns when power is on, not when the guest has booted. */
  on(signal: AbortSignal): Promise<void>;
  /** Pulls the plug. */
  off(signal: AbortSignal): Promise<void>;
  /** Presses reset. */
  reset(signal: AbortSignal): Promise<void>;
}

/** How a machine comes to its end. `power-state.ts` has all of it for a driver that knows when its machine goes on and off. */
export interface PowerEnd {
  /** Rejects with MachineFault as soon as the machine itself has died without being told to (never resolves). */
  readonly died: Promise<never>;
  /**
   * Resolves once the machine is off because its guest switched it off or because it was told to; at once where it is off already.
   * From the call until it settles, the guest's own power-off is expected and does not count as the end of a boot; a guest that
   * nobody waits for so is told as one that went down (`Console.fatal`). Rejects with what `died` rejects with, or the abort reason.
   */
  waitForOff(signal: AbortSignal): Promise<void>;
}

/** The display. Capability `screenshot`. */
export interface Screen {
  /** Writes a PNG of what the display shows. */
  screenshot(path: string, signal: AbortSignal): Promise<void>;
  /** What the display shows, as pixels; absent where the machine cannot tell, null where there is nothing to see. */
  readonly picture?: (signal: AbortSignal) => Promise<Picture | null>;
}

export interface SshAddress {
  readonly host: string;
  readonly port: number;
}

/** The way from the harness to the guest over IP. Capability `network`. */
export interface Network {
  sshAddress(signal: AbortSignal): Promise<SshAddress>;
}

/** A TCP address at which guests reach a service of the harness. */
export interface ServiceAddress {
  readonly address: string;
  readonly port: number;
}

/** A TCP service of the host that the guest may reach although its network is closed. */
export interface GuestForward {
  readonly guestAddress: string;
  readonly guestPort: number;
  readonly hostPort: number;
}

/** The way from a guest to the harness. Capability `services`: then forwards at that address are kept. */
export interface HostServices {
  /** Where every guest finds the harness's registry, whatever its host port is; null where guests do not reach the harness. */
  readonly registry: ServiceAddress | null;
}

/** What a machine can boot from. Capabilities `more-disks` and `removable-media` say what else it can be given. */
export interface Media {
  /** Sizes of a logical sector, in bytes, of disks that its machines can boot from by this firmware. */
  sectorBytes(firmware: Firmware): readonly SectorBytes[];
}

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

/** A record of all that was written to a machine's first disk since the machine was made. Capability `write-log`. */
export interface DiskRecord {
  /** A file in the format of Linux's dm-log-writes, which goes with the machine. Whole once the machine is off. */
  readonly path: string;
  /** What the disk held before. */
  readonly before: { readonly path: string; readonly format: "qcow2" | "raw" };
  /** How much was recorded until now, in bytes of the file: a place in it. */
  position(): Promise<number>;
}
