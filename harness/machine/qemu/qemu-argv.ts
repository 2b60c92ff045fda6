/**
 * The command line of QEMU, from plain data and nothing else. It is pure so that golden files can show every change of
 * it; a fork must repeat the template's devices in the same order, which this one function guarantees.
 * Options are documented in qemu-system(1).
 */
import type { SectorBytes } from "../../../images/image.ts";
import {
  channelPortName,
  type DirectBoot,
  type DiskBus,
  type GuestForward,
  type LogPort,
} from "../machine.ts";
import type { ArchitectureFacts } from "./facts.ts";
import { memoryPath } from "./guest-memory.ts";
import { portId } from "./guest-port.ts";
import { accelerationOf, type Emulation } from "./version.ts";

/** Raised with every change of devices or their order: saved states of another shape cannot be restored. */
export const argvShape = 4;

export interface FlashFile {
  readonly path: string;
  readonly format: "raw" | "qcow2";
}

export type FirmwareFiles =
  | { readonly kind: "built-in" }
  | {
      readonly kind: "flash";
      readonly code: FlashFile;
      /** A private copy of the variable store. */
      readonly vars: FlashFile;
      /** The firmware protects its variables by system management mode. */
      readonly needsSmm: boolean;
    };

export interface AttachedDisk {
  readonly kind: "disk" | "cdrom";
  readonly path: string;
  readonly format: "raw" | "qcow2";
  /** Logical and physical sector in bytes. Absent: 512, which is QEMU's own default. */
  readonly sectorBytes?: SectorBytes | undefined;
  readonly readOnly?: boolean | undefined;
  /** File into which all that is written to it is recorded. Absent: it is not. */
  readonly record?: string | undefined;
}

export interface QemuLayout {
  readonly name: string;
  readonly facts: ArchitectureFacts;
  readonly accelerator: "kvm" | "tcg";
  readonly emulation: Emulation;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly firmware: FirmwareFiles;
  readonly disks: readonly AttachedDisk[];
  /** Absent: virtio-blk. */
  readonly diskBus?: DiskBus | undefined;
  readonly directBoot?: DirectBoot | undefined;
  readonly rebootEnds?: boolean | undefined;
  readonly logPort?: LogPort | undefined;
  readonly network: {
    readonly open: boolean;
    readonly sshPort: number;
    readonly forwards: readonly GuestForward[];
    /** Program that joins its standard streams to a port of the host; host and port are added. */
    readonly forwardCommand: readonly string[];
  };
  /** Files with one SMBIOS type 11 string each. */
  readonly credentialFiles: readonly string[];
  /** UNIX socket on which the harness listens before QEMU starts. */
  readonly monitorSocket: string;
  /** File to which QEMU appends all that the serial port says. */
  readonly consoleFile: string;
  /** UNIX socket of the root channel on which QEMU listens; null leaves its port out. */
  readonly channelSocket: string | null;
  /** UNIX socket on which the machine's TPM listens for its control channel. Absent: the machine does not have one. */
  readonly tpmSocket?: string | undefined;
  /** null: memory of its own. A path: the memory of a template, copied on write. */
  readonly forkedMemory: string | null;
  /** Memory of its own is a file that QEMU is given open (`guest-memory.ts`); false: a memfd. */
  readonly givenMemory: boolean;
}

/** A value inside a comma-separated option: QEMU reads two commas as one. */
const inOption = (value: string): string => value.replaceAll(",", ",,");

/** All arguments of QEMU, option and value adjacent. The machine waits for `cont` (cold) or `migrate-incoming` (fork). */
export function qemuArgv(layout: QemuLayout): string[] {
  return [
    ["-name", `guest=${inOption(layout.name)}`],
    ["-nodefaults"],
    ["-no-user-config"],
    ...machine(layout),
    ...firmware(layout.firmware),
    ...directBoot(layout.directBoot),
    ["-display", "none"],
    ["-boot", "menu=off,strict=on"],
    ["-rtc", "base=utc"],
    // The panic is reported by an event and the guest goes on, so that `panic=` and boot counting work as on hardware.
    ["-action", layout.rebootEnds === true ? "panic=none,reboot=shutdown" : "panic=none"],
    ...channels(layout),
    ...rootChannel(layout.channelSocket),
    ...logPort(layout.logPort),
    layout.facts.extraDevices,
    ...tpm(layout),
    ["-object", "rng-random,id=entropy,filename=/dev/urandom"],
    ["-device", "virtio-rng-pci,rng=entropy"],
    ...cdController(layout),
    ...(layout.diskBus === "scsi" ? [["-device", "virtio-scsi-pci,id=scsi"]] : []),
    ...layout.disks.flatMap((one, index) => disk(one, index, layout)),
    ["-netdev", userNetwork(layout.network)],
    // No option ROM: the machine does not try to boot from the network.
    ["-device", "virtio-net-pci,netdev=net0,romfile="],
    ...layout.credentialFiles.map((path) => ["-smbios", `type=11,path=${inOption(path)}`]),
    layout.forkedMemory === null ? ["-S"] : ["-incoming", "defer"],
  ].flat();
}

function machine({
  facts,
  accelerator,
  emulation,
  memoryMiB,
  cpus,
  firmware: kind,
  forkedMemory,
  givenMemory,
}: QemuLayout): string[][] {
  const traits = [
    facts.machine,
    "memory-backend=ram",
    // SeaBIOS speaks on the serial port only when the machine says that it has no display.
    ...(kind.kind === "built-in" ? ["graphics=off"] : ["pflash0=firmware", "pflash1=variables"]),
    ...(kind.kind === "flash" && kind.needsSmm ? ["smm=on"] : []),
  ];
  const own = givenMemory ? `file,mem-path=${memoryPath}` : "memfd";
  const backend =
    forkedMemory === null
      ? `memory-backend-${own},id=ram,size=${memoryMiB}M,share=on`
      : `memory-backend-file,id=ram,size=${memoryMiB}M,mem-path=${inOption(forkedMemory)},share=off`;
  return [
    ["-machine", traits.join(",")],
    ["-accel", accelerationOf(accelerator, emulation, facts)],
    ["-cpu", accelerator === "kvm" ? "host" : facts.emulatedProcessor],
    ["-smp", `${cpus}`],
    ["-m", `${memoryMiB}M`],
    ["-object", backend],
  ];
}

function firmware(files: FirmwareFiles): string[][] {
  if (files.kind === "built-in") return [];
  const { code, vars } = files;
  return [
    [
      "-blockdev",
      `driver=${code.format},node-name=firmware,read-only=on,file.driver=file,file.filename=${inOption(code.path)}`,
    ],
    [
      "-blockdev",
      `driver=${vars.format},node-name=variables,file.driver=file,file.filename=${inOption(vars.path)}`,
    ],
    ...(files.needsSmm
      ? [
          ["-global", "driver=cfi.pflash01,property=secure,value=on"],
          ["-global", "ICH9-LPC.disable_s3=1"],
        ]
      : []),
  ];
}

function directBoot(boot: DirectBoot | undefined): string[][] {
  if (boot === undefined) return [];
  return [
    ["-kernel", boot.kernel],
    ["-initrd", boot.initrd],
    ["-append", boot.arguments],
  ];
}

function channels({ monitorSocket, consoleFile }: QemuLayout): string[][] {
  return [
    ["-chardev", `socket,id=monitor,path=${inOption(monitorSocket)},server=off`],
    ["-mon", "chardev=monitor,mode=control"],
    // A file always takes the next byte. A socket does not: the emulated port drops what the reader is late for, since a
    // kernel waits only 10 ms for it. Seen: some fifty gaps in the log of one boot.
    ["-chardev", `file,id=console,path=${inOption(consoleFile)},append=on`],
    ["-serial", "chardev:console"],
  ];
}

/** A named port and not a console: systemd puts no getty on it, so nobody else reads its bytes. */
function rootChannel(socket: string | null): string[][] {
  if (socket === null) return [];
  return [
    ["-device", "virtio-serial-pci"],
    ["-chardev", `socket,id=channel,path=${inOption(socket)},server=on,wait=off`],
    ["-device", `virtserialport,chardev=channel,id=${portId},name=${channelPortName}`],
  ];
}

/** QEMU has no TPM of its own: its device speaks with a program (QEMU, docs/specs/tpm.rst). */
function tpm({ tpmSocket, facts }: QemuLayout): string[][] {
  if (tpmSocket === undefined) return [];
  return [
    ["-chardev", `socket,id=tpm,path=${inOption(tpmSocket)}`],
    ["-tpmdev", "emulator,id=tpm0,chardev=tpm"],
    ["-device", `${facts.tpmDevice},tpmdev=tpm0`],
  ];
}

/** A controller of its own, so that the root channel's stays as it is. */
function logPort(port: LogPort | undefined): string[][] {
  if (port === undefined) return [];
  return [
    ["-device", "virtio-serial-pci,id=logs"],
    ["-chardev", `file,id=log,path=${inOption(port.path)},append=on`],
    ["-device", `virtserialport,bus=logs.0,chardev=log,name=${inOption(port.name)}`],
  ];
}

/** The device of a disk. Each kind tells its guest the name by which the harness knows it. */
const diskDevices: Readonly<Record<DiskBus, string>> = {
  virtio: "virtio-blk-pci",
  scsi: "scsi-hd,bus=scsi.0",
  nvme: "nvme",
};

/** A controller for CD drives where the machine does not have one. */
function cdController({ facts, disks }: QemuLayout): string[][] {
  const hasDrive = disks.some(({ kind }) => kind === "cdrom");
  return hasDrive && facts.cdDrives === "virtio-scsi" ? [["-device", "virtio-scsi-pci,id=cd"]] : [];
}

function disk(
  attached: AttachedDisk,
  index: number,
  { facts: { cdDrives }, diskBus = "virtio" }: QemuLayout,
): string[][] {
  const { kind, path, format, sectorBytes } = attached;
  const id = `disk${index}`;
  const file = `file.driver=file,file.filename=${inOption(path)}`;
  if (kind === "cdrom")
    return [
      ["-blockdev", `driver=${format},node-name=${id},read-only=on,${file}`],
      [
        "-device",
        `${cdDrives === "ide" ? `ide-cd,bus=ide.${index}` : "scsi-cd,bus=cd.0"},drive=${id},bootindex=${index + 1}`,
      ],
    ];
  // A partition table counts in sectors, so a disk that was made for large ones is read right only with large ones.
  const sectors =
    sectorBytes === 4096
      ? `,logical_block_size=${sectorBytes},physical_block_size=${sectorBytes}`
      : "";
  return [
    ["-blockdev", nodeOf(attached, id)],
    [
      "-device",
      `${diskDevices[diskBus]},drive=${id},serial=${id},bootindex=${index + 1}${sectors}`,
    ],
  ];
}

/**
 * The block nodes of a disk. Overlays are thrown away, so a flush need not reach the host's platter. A record has to see each flush, so only
 * what lies below it may leave them out; it begins empty and goes on in the next QEMU of the same machine (QEMU, block/blklogwrites.c).
 */
export function nodeOf(disk: AttachedDisk, id: string): string {
  const { path, format, readOnly = false, record } = disk;
  const file = `file.driver=file,file.filename=${inOption(path)}`;
  if (record === undefined)
    return `driver=${format},node-name=${id},${readOnly ? "read-only=on" : "cache.no-flush=on,discard=unmap"},${file}`;
  return [
    `driver=blklogwrites,node-name=${id},discard=unmap,log-append=on`,
    `file.driver=${format},file.cache.no-flush=on,file.discard=unmap`,
    `file.file.driver=file,file.file.filename=${inOption(path)}`,
    `log.driver=file,log.cache.no-flush=on,log.filename=${inOption(record)}`,
  ].join(",");
}

/** The value of `-netdev` for QEMU's user network, with the way to the guest's sshd and those to the harness. */
export function userNetwork({
  open,
  sshPort,
  forwards,
  forwardCommand,
}: QemuLayout["network"]): string {
  return [
    "user,id=net0",
    `restrict=${open ? "off" : "on"}`,
    `hostfwd=tcp:127.0.0.1:${sshPort}-:22`,
    ...forwards.map(
      ({ guestAddress, guestPort, hostPort }) =>
        `guestfwd=tcp:${guestAddress}:${guestPort}-cmd:${[...forwardCommand, "127.0.0.1", hostPort].join(" ")}`,
    ),
  ].join(",");
}
