/** What differs between the architectures that QEMU emulates for us, as one table: a new architecture is a new row. */
import type { Architecture } from "../../../images/image.ts";

export interface ArchitectureFacts {
  readonly architecture: Architecture;
  /** The emulator's program. */
  readonly binary: string;
  /** `-machine` type and its traits; QEMU's newest version of it. */
  readonly machine: string;
  /** A full machine name, as firmware descriptors match it. */
  readonly firmwareMachine: string;
  /** Whether the machine can start without firmware files of ours (SeaBIOS is QEMU's own default). */
  readonly builtInBios: boolean;
  /** `-cpu` where QEMU emulates it. */
  readonly emulatedProcessor: string;
  /** Where CD drives are: on a bus that the machine has by itself, or on a controller of ours. */
  readonly cdDrives: "ide" | "virtio-scsi";
  /** How a TPM 2.0 is reached: by the interface that machines of the architecture have and that its QEMU can give. */
  readonly tpmDevice: string;
  /** Devices only this architecture has, option and value in turn. */
  readonly extraDevices: readonly string[];
  /** Node's name of this architecture, to know whether KVM can serve it. */
  readonly nodeArch: string;
  /** Node's names of the hosts that keep memory in an order strong enough to emulate each processor on its own thread. */
  readonly threadHosts: readonly string[];
  /** What to install where the emulator is missing. */
  readonly packages: string;
}

export const architectureFacts: Readonly<Record<Architecture, ArchitectureFacts>> = {
  x86_64: {
    architecture: "x86_64",
    binary: "qemu-system-x86_64",
    machine: "q35",
    firmwareMachine: "pc-q35-7.2",
    builtInBios: true,
    emulatedProcessor: "max",
    cdDrives: "ide",
    tpmDevice: "tpm-crb",
    extraDevices: ["-device", "VGA", "-device", "vmgenid,guid=auto", "-device", "pvpanic-pci"],
    nodeArch: "x64",
    threadHosts: ["x64"],
    packages:
      "apt install qemu-system-x86 qemu-utils ovmf, or dnf install qemu-system-x86-core qemu-img edk2-ovmf",
  },
  aarch64: {
    architecture: "aarch64",
    binary: "qemu-system-aarch64",
    // The newest interrupt controller that whatever runs the guest can give it.
    machine: "virt,gic-version=max",
    firmwareMachine: "virt-7.2",
    builtInBios: false,
    // Arm's own algorithm for pointer authentication takes up to half of an emulator's time; any other is as good for a guest.
    // QEMU has chosen so by itself since 10.0 (docs/system/introduction.rst, docs/system/arm/cpu-features.rst).
    emulatedProcessor: "max,pauth-impdef=on",
    cdDrives: "virtio-scsi",
    tpmDevice: "tpm-tis-device",
    // A plain framebuffer: firmware and a kernel without any driver for it show what they say. Its QEMU does not have vmgenid.
    extraDevices: ["-device", "ramfb", "-device", "pvpanic-pci"],
    nodeArch: "arm64",
    threadHosts: ["x64", "arm64"],
    packages:
      "apt install qemu-system-arm qemu-utils qemu-efi-aarch64, or dnf install qemu-system-aarch64-core qemu-img edk2-aarch64",
  },
};

/** The oldest QEMU that has all that is used: screendump to PNG came with 7.1, 7.2 is the oldest that was tried. */
export const oldestQemu = "7.2";
