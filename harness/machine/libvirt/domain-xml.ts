/**
 * The XML of a domain, from plain data and nothing else, so that golden files can show every change of it (libvirt's
 * formatdomain). Nothing in it names a file of the harness: disks, network, console and root channel are reached over the
 * host's loopback, so neither the daemon's user nor its SELinux or AppArmor label has to be able to read anything.
 */
import { XMLBuilder } from "fast-xml-parser";
import type { SectorBytes } from "../../../images/image.ts";
import { channelPortName, type Firmware } from "../machine.ts";

/** Namespace of what the harness writes into a domain of its own (`reap.ts`). */
export const metadataNamespace = "https://bootgate.example/libvirt/1";

export interface DomainDisk {
  readonly kind: "disk" | "cdrom";
  /** Port of the loopback on which the disk is served by NBD. */
  readonly port: number;
  readonly readOnly: boolean;
  readonly sectorBytes?: SectorBytes | undefined;
}

export interface DomainLayout {
  readonly name: string;
  readonly uuid: string;
  /** Whose it is (`reap.ts`). */
  readonly owner: { readonly label: string; readonly cache: string; readonly host: string };
  readonly accelerator: "kvm" | "tcg";
  readonly firmware: Firmware;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** SMBIOS type 11 strings. */
  readonly credentials: readonly string[];
  readonly disks: readonly DomainDisk[];
  readonly networkPort: number;
  readonly consolePort: number;
  /** null leaves the root channel out. */
  readonly channelPort: number | null;
  readonly rebootEnds: boolean;
}

const loopback = "127.0.0.1";

/** The text of the domain. Every value is escaped by the builder. */
export function domainXml(layout: DomainLayout): string {
  const { name, uuid, owner, accelerator, memoryMiB, cpus, firmware, credentials } = layout;
  const builder = new XMLBuilder({
    ignoreAttributes: false,
    attributeNamePrefix: "@",
    suppressEmptyNode: true,
    format: true,
  });
  return builder.build({
    domain: {
      "@type": accelerator === "kvm" ? "kvm" : "qemu",
      name,
      uuid,
      metadata: {
        "bootgate:run": {
          "@xmlns:bootgate": metadataNamespace,
          "@owner": owner.label,
          "@cache": owner.cache,
          "@host": owner.host,
        },
      },
      memory: { "@unit": "MiB", "#text": memoryMiB },
      vcpu: cpus,
      ...(credentials.length === 0
        ? {}
        : { sysinfo: { "@type": "smbios", oemStrings: { entry: credentials } } }),
      os: osOf(firmware, credentials.length > 0),
      features: {
        acpi: "",
        ...(firmware === "uefi-secure-boot" ? { smm: { "@state": "on" } } : {}),
      },
      cpu: { "@mode": accelerator === "kvm" ? "host-passthrough" : "maximum" },
      clock: { "@offset": "utc" },
      on_poweroff: "destroy",
      on_reboot: layout.rebootEnds ? "destroy" : "restart",
      on_crash: "destroy",
      devices: devices(layout),
    },
  }) as string;
}

/** libvirt finds firmware by its descriptors, as the QEMU driver does (`qemu/firmware.ts`). */
function osOf(firmware: Firmware, hasStrings: boolean): object {
  const type = { "@arch": "x86_64", "@machine": "q35", "#text": "hvm" };
  const strings = hasStrings ? { smbios: { "@mode": "sysinfo" } } : {};
  const menu = { bootmenu: { "@enable": "no" } };
  // SeaBIOS speaks on the serial port only when it is told to.
  if (firmware === "bios") return { type, bios: { "@useserial": "yes" }, ...menu, ...strings };
  const enabled = firmware === "uefi-secure-boot" ? "yes" : "no";
  return {
    "@firmware": "efi",
    type,
    firmware: {
      feature: ["secure-boot", "enrolled-keys"].map((word) => ({
        "@enabled": enabled,
        "@name": word,
      })),
    },
    ...menu,
    ...strings,
  };
}

function devices({ disks, networkPort, consolePort, channelPort }: DomainLayout): object {
  return {
    disk: disks.map(disk),
    controller: { "@type": "usb", "@model": "none" },
    // The other end of the wire is the harness's own (`wire.ts`), which decides what the guest reaches.
    interface: {
      "@type": "client",
      mac: { "@address": "52:54:00:12:34:56" },
      source: { "@address": loopback, "@port": networkPort },
      model: { "@type": "virtio" },
      rom: { "@enabled": "no" },
    },
    serial: {
      "@type": "tcp",
      source: connectTo(consolePort),
      protocol: raw,
      target: { "@port": 0 },
    },
    ...(channelPort === null
      ? {}
      : {
          channel: {
            "@type": "tcp",
            source: { ...connectTo(channelPort), reconnect: { "@enabled": "yes", "@timeout": 1 } },
            protocol: raw,
            target: { "@type": "virtio", "@name": channelPortName },
          },
        }),
    video: { model: { "@type": "vga" } },
    memballoon: { "@model": "none" },
    rng: { "@model": "virtio", backend: { "@model": "random", "#text": "/dev/urandom" } },
  };
}

/** A fault of the host's disk stops the domain and is told; the guest is not to take it for its own. */
const onError = { "@error_policy": "stop", "@rerror_policy": "stop" };
const raw = { "@type": "raw" };
const connectTo = (port: number): object => ({
  "@mode": "connect",
  "@host": loopback,
  "@service": port,
});

function disk({ kind, port, readOnly, sectorBytes }: DomainDisk, index: number): object {
  const letter = String.fromCharCode("a".charCodeAt(0) + index);
  const isDisk = kind === "disk";
  return {
    "@type": "network",
    "@device": kind,
    // Overlays are thrown away, so a flush need not reach the host's platter.
    driver: {
      "@name": "qemu",
      "@type": "raw",
      "@cache": "unsafe",
      "@discard": "unmap",
      ...onError,
    },
    source: { "@protocol": "nbd", host: { "@name": loopback, "@port": port } },
    target: isDisk
      ? { "@dev": `vd${letter}`, "@bus": "virtio" }
      : { "@dev": `sd${letter}`, "@bus": "sata" },
    ...(sectorBytes === 4096
      ? { blockio: { "@logical_block_size": 4096, "@physical_block_size": 4096 } }
      : {}),
    serial: `disk${index}`,
    boot: { "@order": index + 1 },
    ...(readOnly || !isDisk ? { readonly: "" } : {}),
  };
}
