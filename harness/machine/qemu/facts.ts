/** What differs between the architectures that QEMU emulates for us, as one table: a new architecture is a new row. */
import type { Architecture } from "../../../images/image.ts";

export interface ArchitectureFacts {
  /** The emulator's program. */
  readonly binary: string;
  /** `-machine` type; QEMU's newest version of it. */
  readonly machine: string;
  /** A full machine name, as firmware descriptors match it. */
  readonly firmwareMachine: string;
  /** Whether the machine can start without firmware files of ours (SeaBIOS is QEMU's own default). */
  readonly builtInBios: boolean;
  /** Devices only this architecture has, option and value in turn. */
  readonly extraDevices: readonly string[];
  /** Node's name of this architecture, to know whether KVM can serve it. */
  readonly nodeArch: string;
  /** Node's names of the hosts that keep memory in an order strong enough to emulate each processor on its own thread. */
  readonly threadHosts: readonly string[];
  /** What to install where the emulator is missing. */
  readonly packages: string;
}

export const architectureFacts: Readonly<Partial<Record<Architecture, ArchitectureFacts>>> = {
  x86_64: {
    binary: "qemu-system-x86_64",
    machine: "q35",
    firmwareMachine: "pc-q35-7.2",
    builtInBios: true,
    extraDevices: ["-device", "VGA", "-device", "vmgenid,guid=auto", "-device", "pvpanic-pci"],
    nodeArch: "x64",
    threadHosts: ["x64"],
    packages:
      "apt install qemu-system-x86 qemu-utils ovmf, or dnf install qemu-system-x86-core qemu-img edk2-ovmf",
  },
};

/** The oldest QEMU that has all that is used: screendump to PNG came with 7.1, 7.2 is the oldest that was tried. */
export const oldestQemu = "7.2";
