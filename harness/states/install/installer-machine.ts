/** What an installer's machine is made of: the ISO as it is, its own kernel, an empty disk, and a volume with a kickstart. */
import {
  type Architecture,
  type InstallerFamily,
  type InstallerImage,
  serialWord,
} from "../../../images/image.ts";
import type { Firmware, GuestForward, MachineSpec } from "../../machine/machine.ts";
import { kickstartUrl } from "./kickstart-service.ts";

/** Anaconda writes its log to a port of this name where there is one (pyanaconda/anaconda_logging.py). */
export const installerLogPort = "org.fedoraproject.anaconda.log.0";
/** A volume of this name is looked at for a kickstart (Anaconda's boot options, `inst.ks`). */
export const kickstartLabel = "OEMDRV";
export const kickstartName = "ks.cfg";

/** How an installer gets its kickstart: on a volume of its own, or over HTTP. */
export const kickstartWays = ["oemdrv", "http"] as const;
export type KickstartWay = (typeof kickstartWays)[number];

/** How an installer of each family gets it if nothing else is asked for; Debian's looks at no volume. */
export const usualWays: Readonly<Record<InstallerFamily, KickstartWay>> = {
  anaconda: "oemdrv",
  "debian-installer": "http",
};

/** What the boot option `inst.ks` says for each of them. */
const kickstartPlaces: Readonly<Record<KickstartWay, string>> = {
  oemdrv: `hd:LABEL=${kickstartLabel}:/${kickstartName}`,
  http: kickstartUrl,
};

/** How an installer is started: its kernel by the machine itself, or as a person would, by the boot loader of the ISO. */
export const installerBoots = ["direct", "loader"] as const;
export type InstallerBoot = (typeof installerBoots)[number];

export interface InstallerParts {
  readonly installer: InstallerImage;
  readonly architecture: MachineSpec["architecture"];
  readonly firmware: Firmware;
  /** Files with its kernel and initrd; null where the ISO's own boot loader starts them. */
  readonly direct: { readonly kernel: string; readonly initrd: string } | null;
  /** How it gets its kickstart; null where the ISO has its own. */
  readonly way: KickstartWay | null;
  /** Volume with the kickstart; null where it does not come on one. */
  readonly kickstart: string | null;
  /** Services of the harness that it reaches. */
  readonly forwards: readonly GuestForward[];
  /** The empty disk, a qcow2 file. */
  readonly target: string;
  readonly logFile: string;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly network: MachineSpec["network"];
}

/** What the harness asks of a machine to install on. */
export const installerSpec = (parts: InstallerParts): MachineSpec => {
  const medium = {
    kind: "iso",
    path: parts.installer.path,
    contentDigest: parts.installer.digest,
  } as const;
  const target = { kind: "working", path: parts.target, format: "qcow2", readOnly: false } as const;
  return Object.freeze({
    name: "installer",
    architecture: parts.architecture,
    firmware: parts.firmware,
    memoryMiB: parts.memoryMiB,
    cpus: parts.cpus,
    // The target is the only disk: media are CD drives, which an installer does not install on.
    disks: [
      // Firmware tries them in this order: the medium first, as a person sets it.
      ...(parts.direct === null ? [medium, target] : [target, medium]),
      ...(parts.kickstart === null
        ? []
        : [{ kind: "iso", path: parts.kickstart, contentDigest: "" } as const]),
    ],
    network: parts.network,
    forwards: parts.forwards,
    credentials: {},
    imageDigest: parts.installer.digest,
    rebootEnds: true,
    logPort: { name: installerLogPort, path: parts.logFile },
    directBoot:
      parts.direct === null
        ? undefined
        : {
            ...parts.direct,
            arguments: installerArguments(parts.installer, parts.way, parts.architecture),
          },
  });
};

/** Words of the ISO's own boot entry that would hide the console, take minutes, or name another kickstart. */
const dropped = /^(?:quiet|rhgb|splash|rd\.live\.check|inst\.text|inst\.cmdline|console=.*|---)$/;

/** The kernel's command line: that of the ISO's own boot entry, made to speak on the serial port. */
export const installerArguments = (
  installer: Pick<InstallerImage, "label" | "arguments" | "family">,
  way: KickstartWay | null,
  architecture: Architecture,
): string =>
  installer.family === "anaconda"
    ? anacondaArguments(installer, way, architecture)
    : debianArguments(installer, way, architecture);

/** As above, for Debian's: what stands behind `---` is for the installed system (installation guide, 5.3 and B.2.1). */
const droppedByDebian = /^(?:quiet|splash|vga=.*|console=.*|-{2,3}|DEBIAN_FRONTEND=.*)$/;
const preseedWord = /^(?:auto|priority|(?:preseed\/)?(?:url|file))=/;

/** A closed network names no server, and the question comes before the preseed can (netcfg). The address is QEMU's own (qemu(1), `dns`). */
const nameServer = "netcfg/get_nameservers=10.0.2.3";

function debianArguments(
  { arguments: own }: Pick<InstallerImage, "arguments">,
  way: KickstartWay | null,
  architecture: Architecture,
): string {
  const kept = own.filter(
    (word) => !droppedByDebian.test(word) && !(way !== null && preseedWord.test(word)),
  );
  return [
    ...kept,
    ...(way === null ? [] : ["auto=true", "priority=critical", `url=${kickstartUrl}`, nameServer]),
    "DEBIAN_FRONTEND=text",
    serialWord(architecture),
    "panic=-1",
    "---",
    // Written into the configuration of the boot loader that it installs, so that its console can be followed.
    serialWord(architecture),
  ].join(" ");
}

/**
 * What is typed behind the words of the ISO's own entry, which stay. `loglevel` lets the kernel speak although the entry says `quiet`
 * (kernel documentation, admin-guide/kernel-parameters: the later of the two holds).
 */
export const typedArguments = (
  way: KickstartWay | null,
  architecture: Architecture,
): readonly string[] => [
  ...(way === null ? [] : [`inst.ks=${kickstartPlaces[way]}`]),
  ...["inst.text", "inst.cmdline", serialWord(architecture), "loglevel=7", "panic=-1"],
];

/** An installer whose entry is not known is told where its second stage is (Anaconda's boot options, `inst.stage2`). */
function anacondaArguments(
  { label, arguments: own }: Pick<InstallerImage, "label" | "arguments">,
  way: KickstartWay | null,
  architecture: Architecture,
): string {
  const kept = own.filter(
    (word) => !dropped.test(word) && !(way !== null && /^(?:inst\.)?ks=/.test(word)),
  );
  const findsItself = kept.some((word) => /^(?:(?:inst\.)?stage2=|root=live:)/.test(word));
  return [
    ...kept,
    ...(findsItself ? [] : [`inst.stage2=hd:LABEL=${escapeLabel(label)}`]),
    ...(way === null ? [] : [`inst.ks=${kickstartPlaces[way]}`]),
    "inst.text",
    "inst.cmdline",
    serialWord(architecture),
    "panic=-1",
  ].join(" ");
}

/** As udev writes a label: what is not a plain character is `\x20` and the like (systemd, encode_devnode_name). */
const escapeLabel = (label: string): string =>
  label.replace(
    /[^\w#+.:=@-]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
