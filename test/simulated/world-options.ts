/** What a simulated world may be told to be. */
import type { PackageStep } from "../../images/image.ts";
import type { MenuForm } from "./grub-menu.ts";
import type { LoaderFacts } from "./loader-facts.ts";

/** What manages the systems of a world. `package` is an ordinary distribution, neither bootc's nor ostree's. */
export type SimulatedKind = "bootc" | "bootc-composefs" | "rpm-ostree" | "ostree" | "package";

/** What greenboot's health checks do: their end is quick, or comes with that of the start-up; null where there are none. */
export type HealthChecks = "quick" | "slow" | null;

/** 0.15, which is scripts of bash, or 0.16, which is a program in Rust. */
export type SimulatedGreenboot = "bash" | "rust";

/** `tpm`: a token that the machine's TPM opens; `pin`: with a PIN; `passphrase`: LUKS2 without a token; `luks1`: a header that has none. */
export type SimulatedLock = "tpm" | "pin" | "passphrase" | "luks1";

export type HiddenMenu = "unless-asked" | "for-good" | null;

/** Releases of bootc: 1.1.4 does not tell what later versions added, 1.17.0 names the image of the composefs backend in another way. */
export type SimulatedBootc = "1.1.4" | "1.16.9" | "1.17.0";

export interface WorldOptions {
  readonly follows?: string;
  readonly kind?: SimulatedKind;
  readonly bootc?: SimulatedBootc;
  /** More files that its images ship in /etc: name → content. */
  readonly etc?: Readonly<Record<string, string>>;
  readonly lacksInstallConfig?: boolean;
  /** What its images set for their root, `prepare-root.conf`. */
  readonly prepareRoot?: string;
  readonly lacksRpmOstree?: boolean;
  /** Its bootc refuses to switch a host with layered packages, as none does yet. */
  readonly refusesLayeredSwitch?: boolean;
  /** As its dnf5 tells it. */
  readonly dnfVersion?: string;
  /** What its images set in dnf.conf. */
  readonly dnfSettings?: Readonly<Record<string, string>>;
  /** Packages of which all images but the first have other files, in the same version. Then no package is of a newer version. */
  readonly patched?: readonly string[];
  /** A package that wants that of their own kernel by name, until another kernel is put in its place: of the kernel's version, or somebody else's. */
  readonly wantsKernel?: "matched" | "other";
  /** What dnf5 did in all of its images. */
  readonly packages?: readonly PackageStep[];
  /**
   * What rpm-ostree composed its images of, which is written into them and outlives what dnf5 does there (/usr/lib/sysimage/rpm-ostree-base-db); null where
   * they do not have it. Default: none of the packages that dnf5 brought.
   */
  readonly baseDatabase?: readonly string[] | null;
  /** Its systems have their root on two disks, each with an EFI system partition. */
  readonly rootIsMirrored?: boolean;
  /** Their start-up never ends. */
  readonly neverSettles?: boolean;
  /** Their GRUB starts the first entry without a menu: for good, or unless it is asked to show it once. */
  readonly hidesMenu?: HiddenMenu;
  /** How their GRUB draws its menu. Default boxed. */
  readonly menuForm?: MenuForm;
  /** Their bootupd is of before January 2025 and does not know the verb that migrates old menus. */
  readonly isBootupdOld?: boolean;
  /** Their bootloader-update.service does not migrate old menus at boot. */
  readonly lacksMigration?: boolean;
  readonly loader?: LoaderFacts;
  /** Its systems make the older deployment the default once they have fallen back to it. */
  readonly rollsBackItself?: boolean;
  readonly healthChecks?: HealthChecks;
  /** The dialect of the greenboot that its images have. Default: null, they have none. */
  readonly greenboot?: SimulatedGreenboot | null;
  /** The unit of their display manager. Default: null, they have none and start no desktop. */
  readonly desktop?: string | null;
  /** What their root is locked by. Default: it does not lie on LUKS. */
  readonly rootLock?: SimulatedLock;
}
