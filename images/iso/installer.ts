/**
 * An installer ISO as the harness needs it: what it is called, which kernel and initrd start it, and whether it carries
 * the image that it installs. Everything that is wrong with the file is found here, before a machine is started.
 */

import { UsageError } from "../../harness/base/errors.ts";
import { fileStamp } from "../../harness/base/file-stamp.ts";
import {
  type Architecture,
  type InstallerFamily,
  type InstallerImage,
  supportedArchitectures,
} from "../image.ts";
import { digestOfFile } from "../inspect/file-digest.ts";
import { listIndex } from "../origins/oci-layout.ts";
import {
  type BootEntry,
  bootConfigurations,
  kernelsNamed,
  parseBootEntries,
} from "./boot-entries.ts";
import { readBootPlatforms } from "./el-torito.ts";
import { fedoraReleaseOf } from "./fedora-release.ts";
import { type IsoFile, type IsoVolume, openIso } from "./iso9660.ts";

/** Where Fedora's installers have them (lorax, share/templates.d/99-generic). */
const pxeKernel = "/images/pxeboot/vmlinuz";
const pxeInitrd = "/images/pxeboot/initrd.img";
/** Where osbuild's `anaconda-iso` has the image that it installs (osbuild/images, pkg/manifest/anaconda_installer_iso_tree.go). */
const containerIndex = "/container/index.json";
/** Where live media of Ubuntu have kernel, initrd and root (casper(7)); their installer reads neither kickstart nor preseed. */
const casper = "/casper/";
const debianInfo = "/.disk/info";
/** Where live media have their root, whatever file system it is (lorax, share/templates.d/99-generic/live; dracut's dmsquash-live). */
export const liveRoot = "/LiveOS/squashfs.img";
/** Names programs that are not the real ones, a line each. */
export const standInsFile = "/bootgate-stand-ins.txt";
const maxConfigBytes = 256 * 1024;

export interface InstallerFacts {
  readonly installer: InstallerImage;
  /** Programs of it, or of what it installs, that stand in for real ones. */
  readonly standIns: readonly string[];
  /** What the volume's own boot loaders are for; null where it does not say. */
  readonly architecture: Architecture | null;
}

/** Reads an ISO. `calls` is how messages name it. Throws UsageError for what cannot install anything. */
export async function readInstaller(
  path: string,
  options: { readonly calls?: string; readonly cacheDir: string; readonly signal: AbortSignal },
): Promise<InstallerFacts> {
  const name = options.calls ?? path;
  await using iso = await openIso(path);
  if (iso.label === "")
    throw new UsageError(`The ISO image '${name}' does not have a volume label.`, {
      details: {
        why: "an installer finds its own medium by its label",
        "to do": "build it with one (xorriso -volid LABEL, mkksiso -V LABEL)",
      },
    });
  const entries = await bootEntriesOf(iso);
  const found = await kernelOf(iso, entries);
  if (found === null)
    throw new UsageError(`The ISO image '${name}' does not have ${await lackOf(iso)}.`, {
      details: {
        label: iso.label,
        "looked for": `${pxeKernel} and ${pxeInitrd}, then what ${bootConfigurations.join(", ")} name`,
        "to do": "give an installer, for example of Fedora, or of bootc-image-builder",
      },
    });
  if (found.kernel.path.startsWith(casper) || found.arguments.includes("boot=casper"))
    throw new UsageError(
      `The ISO image '${name}' is a live medium of Ubuntu's kind (casper), which bootgate does not drive.`,
      {
        details: {
          label: iso.label,
          "to do":
            "give an installer that is Anaconda or Debian's, or the disk image of the release",
        },
      },
    );
  const installer: InstallerImage = {
    path: iso.path,
    label: iso.label,
    digest: await digestOfFile(path, options.cacheDir, options.signal),
    stamp: await fileStamp(iso.path),
    ...found,
    boots: (await readBootPlatforms(iso)) ?? undefined,
    ...(await carriedBy(iso)),
    family: await familyOf(iso),
    fedora: (await fedoraReleaseOf(iso)) ?? undefined,
  };
  const [architecture, standIns] = [await architectureOf(iso), await standInsOf(iso)];
  return { installer, architecture, standIns };
}

/** The image on the medium, and which it is where there is one of one platform, as osbuild writes it. */
async function carriedBy(
  iso: IsoVolume,
): Promise<Pick<InstallerImage, "carriesImage" | "carries">> {
  const file = await iso.find(containerIndex);
  if (file === null) return { carriesImage: false };
  if (file.size > maxConfigBytes) return { carriesImage: true };
  try {
    const entries = listIndex(await iso.read(file, maxConfigBytes), containerIndex);
    const [only, ...others] = entries;
    const isOne = only !== undefined && !only.isIndex && others.length === 0;
    return { carriesImage: true, ...(isOne ? { carries: only.digest } : {}) };
  } catch (error) {
    // What cannot be read its installer has to refuse.
    if (error instanceof UsageError) return { carriesImage: true };
    throw error;
  }
}

/** What of a kernel and its initrd is not there: a kernel alone starts nothing that installs. */
async function lackOf(iso: IsoVolume): Promise<string> {
  const configurations = await configurationsOf(iso);
  for (const kernel of [pxeKernel, ...configurations.flatMap(kernelsNamed)]) {
    const file = await iso.find(kernel);
    if (file !== null && file.size > 0) return `an initrd for its kernel '${kernel.slice(0, 200)}'`;
  }
  return "a kernel to start";
}

/** Debian's media say what they are (debian-cd, tools/start_new_disc); what says nothing is taken for Anaconda. */
async function familyOf(iso: IsoVolume): Promise<InstallerFamily> {
  const file = await iso.find(debianInfo);
  if (file === null || file.size > maxConfigBytes) return "anaconda";
  const text = (await iso.read(file, 4096)).toString("latin1");
  return /^Debian\b/.test(text) ? "debian-installer" : "anaconda";
}

/** On media that we build ourselves. */
async function standInsOf(iso: IsoVolume): Promise<string[]> {
  const file = await iso.find(standInsFile);
  if (file === null) return [];
  const text = (await iso.read(file, 4096)).toString("latin1");
  return text.split("\n").filter((line) => /^[a-z][a-z0-9-]{0,30}$/.test(line));
}

const bootEntriesOf = async (iso: IsoVolume): Promise<BootEntry[]> =>
  (await configurationsOf(iso)).flatMap(parseBootEntries);

/** The texts of its boot loaders' configurations. */
async function configurationsOf(iso: IsoVolume): Promise<string[]> {
  const texts: string[] = [];
  for (const path of bootConfigurations) {
    const file = await iso.find(path);
    if (file === null || file.size > maxConfigBytes) continue;
    texts.push((await iso.read(file, maxConfigBytes)).toString("latin1"));
  }
  return texts;
}

/** The kernel that the boot loader's first entry starts, so that its arguments fit; else the one for network boots. */
async function kernelOf(
  iso: IsoVolume,
  entries: readonly BootEntry[],
): Promise<Pick<InstallerImage, "kernel" | "initrd" | "arguments" | "entry"> | null> {
  const pair = async (kernel: string, initrd: string): Promise<[IsoFile, IsoFile] | null> => {
    const [one, other] = [await iso.find(kernel), await iso.find(initrd)];
    if (one === null || other === null) return null;
    return one.size === 0 || other.size === 0 ? null : [one, other];
  };
  const byPlace = await pair(pxeKernel, pxeInitrd);
  for (const entry of entries) {
    const files = await pair(entry.kernel, entry.initrd);
    if (files === null || (byPlace !== null && files[0].start !== byPlace[0].start)) continue;
    return {
      kernel: files[0],
      initrd: files[1],
      arguments: entry.arguments,
      entry: entry.title ?? undefined,
    };
  }
  return byPlace === null ? null : { kernel: byPlace[0], initrd: byPlace[1], arguments: [] };
}

/** Names of the boot loader that firmware looks for (UEFI 2.10, 3.5.1.1). */
const removableLoaders: Readonly<Record<Architecture, string>> = {
  x86_64: "/EFI/BOOT/BOOTX64.EFI",
  aarch64: "/EFI/BOOT/BOOTAA64.EFI",
};

async function architectureOf(iso: IsoVolume): Promise<Architecture | null> {
  const found: Architecture[] = [];
  for (const one of supportedArchitectures)
    if ((await iso.find(removableLoaders[one])) !== null) found.push(one);
  return found.length === 1 ? (found[0] ?? null) : null;
}
