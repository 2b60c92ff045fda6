/** What we boot: an image resolved to a digest, with the forms in which it is at hand. */
import type { Deviation } from "../harness/base/deviations.ts";
import type { Secret } from "../harness/base/secrets.ts";
import type { Digest } from "../harness/base/units.ts";

export const supportedArchitectures = ["x86_64", "aarch64"] as const;
export type Architecture = (typeof supportedArchitectures)[number];

/** The name that images and Go give to an architecture. */
export const ociArchitecture: Readonly<Record<Architecture, string>> = {
  x86_64: "amd64",
  aarch64: "arm64",
};

/** Architecture of this host by Node's name of it; x86_64 where bootgate does not boot the host's. */
export const hostArchitecture = (host: string = process.arch): Architecture =>
  host === "arm64" ? "aarch64" : "x86_64";

/** The first serial port as Linux calls it: of a PC, and of ARM's own PL011 (kernel documentation, admin-guide/devices). */
const serialPorts: Readonly<Record<Architecture, string>> = { x86_64: "ttyS0", aarch64: "ttyAMA0" };

/** The word of a kernel's command line that makes the serial port a console. The last `console=` is /dev/console (admin-guide/serial-console). */
export const serialWord = (architecture: Architecture): string =>
  `console=${serialPorts[architecture]},115200`;

/** Words by which a kernel speaks on the screen and on the serial port. */
export const consoleWords = (architecture: Architecture): readonly string[] => [
  "console=tty0",
  serialWord(architecture),
];

export interface DiskImage {
  readonly path: string;
  readonly format: "qcow2" | "raw";
  /** sha256 of the file as it was given (of a compressed disk: of the compressed file). What boots is named by it. */
  readonly digest: Digest;
  /** The file's stamp when it was looked at (`fileStamp`), to see a change before it boots. Absent: not looked at. */
  readonly stamp?: string;
  /** How long an installer took to install it, seconds; absent for one that was not installed from an ISO. */
  readonly installSeconds?: number;
  /** What it asks for at each boot, where its installer encrypted it and the harness knows. */
  readonly passphrase?: Secret | undefined;
  /** Somebody else says how it is encrypted, if it is, and did not tell a passphrase. */
  readonly passphraseUntold?: boolean | undefined;
  /** How it differs from a disk that a user would have, where the harness made it. */
  readonly deviations?: readonly Deviation[];
  /** Logical sector of the disk that its partition table was made for, in bytes. Absent: 512. */
  readonly sectorBytes?: SectorBytes;
}

/** A file on an ISO, in bytes from the beginning of the volume. */
export interface PlacedFile {
  readonly path: string;
  readonly start: number;
  readonly size: number;
}

/** Platforms that a medium can have a boot loader for. */
export const bootPlatforms = ["bios", "uefi"] as const;
export type BootPlatform = (typeof bootPlatforms)[number];

/** An ISO to install from, or a live medium. */
export interface InstallerImage {
  /** Absolute. */
  readonly path: string;
  /** Label of the volume, by which the installer finds its own medium. */
  readonly label: string;
  /** sha256 of the file. */
  readonly digest: Digest;
  /** `fileStamp` of the file when it was looked at. */
  readonly stamp: string;
  readonly kernel: PlacedFile;
  readonly initrd: PlacedFile;
  /** What its own boot loader would tell the kernel; empty where that is not known. */
  readonly arguments: readonly string[];
  /** Title of that entry in GRUB's menu; absent where it is not known. */
  readonly entry?: string | undefined;
  /** What its own boot catalogue has boot loaders for; absent where it does not tell. */
  readonly boots?: readonly BootPlatform[] | undefined;
  /** It carries the image that it installs, as an OCI layout in `/container`. */
  readonly carriesImage: boolean;
  /** Digest of the one image that it carries: what its installer has to install. Absent where it is not told or somebody says otherwise. */
  readonly carries?: Digest | undefined;
  readonly family: InstallerFamily;
  /** Number of the release of Fedora that the medium says it is of; absent where it does not say one. */
  readonly fedora?: number | undefined;
}

/** Whose installer it is: what it says, and how it is told what to do. */
export const installerFamilies = ["anaconda", "debian-installer"] as const;
export type InstallerFamily = (typeof installerFamilies)[number];

/**
 * The word of a boot entry that starts a live system: of dracut's dmsquash-live, which lorax, kiwi and Universal Blue's media
 * say (dracut.cmdline(7)), of Fedora CoreOS (`coreos.liveiso=`), and of Debian's live-boot(7).
 */
const liveWord = /^(?:rd\.live\.image(?:=(?!(?:0|no|off)$).*)?|coreos\.liveiso=.+|boot=live)$/;

/** Whether an ISO starts a live system, by its own boot entry. Such a medium installs nothing by itself. */
export const isLiveMedium = ({ arguments: words }: Pick<InstallerImage, "arguments">): boolean =>
  words.some((word) => liveWord.test(word)) && !words.some((word) => /^inst\.\w/.test(word));

/** Sizes of a logical sector that disks in the field have. */
export type SectorBytes = 512 | 4096;

/** Title label of the reference OS (image-spec, annotations.md). */
export const referenceTitle = "bootgate reference OS";

/** The stand-ins of an OCI image by its labels: the reference OS has them however it is named and wherever it was pushed. */
export const standInsByLabels = (labels: Readonly<Record<string, string>>): readonly string[] =>
  labels["org.opencontainers.image.title"] === referenceTitle ? ["bootc"] : [];

export interface OciImage {
  /** Directory of the OCI image layout (image-spec, image-layout.md). */
  readonly layout: string;
  readonly tag: string;
  /** Digest of its configuration, the image's ID; absent where nobody needs it. */
  readonly id?: Digest;
  /** Its manifest is Docker's own, which programs refuse to read out of a layout (podman-container-tools/skopeo#2577). Default false. */
  readonly hasDockerManifest?: boolean;
}

/**
 * Images that are made of a candidate where nobody named one: N-1, N+1, and N+2 with a service that fails. Each is also
 * the name of the role that it is made for.
 */
export type DerivedKind = "previous" | "next" | "broken";

/** A file as a layer puts it. */
export interface ChangedFile {
  readonly text: string;
  /** Default false. */
  readonly isExecutable?: boolean;
}

/** What dnf5 does in one transaction: `["install", "bootgate-tool-1"]`, and for `swap` what goes and then what comes. */
export type PackageStep = readonly [
  verb: "install" | "remove" | "upgrade" | "downgrade" | "swap",
  ...names: string[],
];

/** What one small layer changes in an image. Paths are the image's own and absolute: `/usr/lib/…`, `/etc/…`. */
export interface ImageChange {
  /** Short, lower case, with dashes: the tag of the new image and the end of its version. */
  readonly name: string;
  /** Files that are added or written over, by path. */
  readonly files?: Readonly<Record<string, string | ChangedFile>>;
  /** Symbolic links that are added, by path; the value is where they lead. At most 100 bytes each. */
  readonly links?: Readonly<Record<string, string>>;
  /** Files, links and folders that go. */
  readonly remove?: readonly string[];
  /**
   * What the image's own dnf5 does in it, in this order, with the packages that the fixture `rpms` has and no other repository: the package
   * database of the new image is dnf5's. It is done before all else, in a machine that takes as much of the host as a guest (`needs.guests`).
   */
  readonly packages?: readonly PackageStep[];
  /** Lines of sh that root runs in the image after the packages; the first that fails ends it. In the same machine. */
  readonly run?: readonly string[];
  /**
   * For `run`: the RPM packages of another kernel that were named for the image (`Image.kernelPackages`) lie in the folder
   * `$kernel_packages` meanwhile.
   */
  readonly kernelPackages?: true;
  /** Labels that are added or changed. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** What an image can be known to promise, each a claim that a scenario can put to the proof. */
export const imagePromises = [
  "composefs",
  "bootupd",
  "static-grub",
  "desktop",
  "greenboot",
  "dnf5",
  "soft-reboot",
] as const;
export type ImagePromise = (typeof imagePromises)[number];

/** What the catalogue says of an image besides where it is. What it is silent about is not known. */
export interface CatalogueWord {
  /** The entry that says it: `silverblue`. */
  readonly entry: string;
  readonly promises: readonly ImagePromise[];
  /** Known not to be promised. */
  readonly lacks: readonly ImagePromise[];
  /** Firmware that it boots by; absent: not known. */
  readonly firmware?: readonly string[];
  /** Memory that a guest of it needs, MiB; absent: what any guest has. */
  readonly memoryMiB?: number;
}

export interface Image {
  /** How the user named it: `reference:v1`, `./disk.qcow2`. */
  readonly name: string;
  /** Identity: the OCI manifest's digest where there is one, else the disk file's. */
  readonly digest: Digest;
  /** The digest that bootc must report in the guest, the OCI manifest's; null where only a disk is at hand, which does not say it. */
  readonly manifest: Digest | null;
  readonly architecture: Architecture;
  /** An installed disk, or null when the image exists only as OCI image. */
  readonly disk: DiskImage | null;
  /** What the disk is to be installed from, where it is an ISO that was named. */
  readonly installer?: InstallerImage;
  /** The OCI image that a registry can serve, or null when only a disk is at hand. */
  readonly oci: OciImage | null;
  /** The reference that an installed disk tracks, e.g. `10.0.2.100:5000/os:stable`, when known. */
  readonly follows: string | null;
  /** Programs in the image that stand in for real ones; named in every report. */
  readonly standIns: readonly string[];
  /** What the catalogue says of it, where it was named by a catalogue name. */
  readonly catalogue?: CatalogueWord;
  /** Set where an index was named: its digest. This is its image for the architecture. */
  readonly index?: Digest;
  /** Set where it was derived (images/derive): digest of the image that it was made of. */
  readonly derivedFrom?: Digest;
  /** Why no image can be derived of it, where one was wanted (images/derive/sealed.ts). */
  readonly notDerivable?: string;
  /** Folder with the certificates `PK`, `KEK` and `db` that firmware with Secure Boot is to have for it. Absent: those that machines come with. */
  readonly secureBootKeys?: string;
  /** Folder with the RPM packages of another kernel that the image can have. Absent: nobody named one. */
  readonly kernelPackages?: string;
  /** Set where its disk is what a power cut left: the number of the point. */
  readonly cutAt?: number;
  /** What was found odd or had to be assumed, in whole sentences for every report. */
  readonly notes?: readonly string[];
}

/** An image as it was found: what is only a disk may not say for which architecture it is (null). */
export interface FoundImage extends Omit<Image, "architecture"> {
  readonly architecture: Architecture | null;
}
