/**
 * Builds a live ISO of the reference OS, a stand-in for Fedora's live media: the image's own kernel, an initramfs of the
 * real dracut with its dmsquash-live, the image's root as an erofs in `LiveOS/squashfs.img`, and a user who is logged in on the
 * first terminal. Where things are on it is as lorax has it (share/templates.d/99-generic/live/x86.tmpl).
 */
import { cp, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../harness/base/package-root.ts";
import { runCommand } from "../../harness/base/process.ts";
import { addBootLoaders, type MenuEntry } from "../installer/boot-loaders.ts";
import { liveRoot, standInsFile } from "../iso/installer.ts";
import { type OciImageFacts, readOciImage } from "../origins/oci-layout.ts";
import { type BaseTree, provideBase } from "../reference/base-tree.ts";
import { giveToUs, runInTree } from "../reference/privileged.ts";
import type { RootExtra } from "../rootfs/extras.ts";
import { describeRoot } from "../rootfs/facts.ts";
import { writeRootImage } from "../rootfs/write-image.ts";
import type { LiveFault } from "./kinds.ts";
import { modulePath, provideSessionModule } from "./session-module.ts";

export const liveLabel = "BOOTGATE-LIVE";

export interface LiveMediumOptions {
  readonly cacheDir: string;
  /** The reference OS as an OCI layout. */
  readonly layout: string;
  readonly tag: string;
  readonly fault: LiveFault | null;
  /** Where the ISO goes. */
  readonly target: string;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

const beside = join(packageRoot, "images", "live", "medium");
const product = "the reference OS (stand-in live medium)";
const words = [`root=live:CDLABEL=${liveLabel}`, "rd.live.image"] as const;
const pxeboot = join("images", "pxeboot");

/** Fedora's own titles and words (lorax, config_files/x86/grub2-efi.cfg): the second entry is the default and reads the medium first. */
const menu: readonly MenuEntry[] = [
  { title: `Start ${product}`, words: [...words, "quiet", "rhgb"] },
  { title: `Test this media & start ${product}`, words: [...words, "rd.live.check", "quiet"] },
];
const troubleshooting: MenuEntry = {
  title: `Start ${product} in basic graphics mode`,
  words: [...words, "nomodeset", "quiet", "rhgb"],
};

/** Writes the ISO. Needs xorriso on the host, and Debian's mirror once. */
export async function buildLiveMedium(options: LiveMediumOptions): Promise<void> {
  const { target, fault, onProgress, signal } = options;
  const work = `${target}.work`;
  const tree = join(work, "iso");
  await rm(work, { recursive: true, force: true });
  for (const folder of ["LiveOS", pxeboot]) await mkdir(join(tree, folder), { recursive: true });
  try {
    const image = await readOciImage(options.layout, options.tag);
    const base = await provideBase(options.cacheDir, options);
    onProgress("making the root of the live medium");
    await writeSystem(image, tree, options);
    onProgress("making its initramfs");
    await makeInitramfs(base, work, tree, signal);
    if (fault === "corrupt") await overwriteSuperblock(join(tree, liveRoot));
    const { grub } = base;
    const label = liveLabel;
    const boots = await addBootLoaders({ tree, grub, label, menu, troubleshooting, signal });
    await writeFile(join(tree, standInsFile), "live-medium\n");
    onProgress("packing the ISO");
    const draft = join(work, "draft.iso");
    const names = ["-volid", liveLabel, "-iso-level", "3", "-R", "-J"];
    const args = ["-as", "mkisofs", "-quiet", ...names, ...boots, "-o", draft, tree];
    await runCommand("xorriso", args, { signal, timeoutMs: 600_000 });
    await rename(draft, target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The root, and the kernel out of it. */
async function writeSystem(
  image: OciImageFacts,
  tree: string,
  options: LiveMediumOptions,
): Promise<void> {
  const { fault, signal } = options;
  const from = async (path: string, mode: number, name: string): Promise<RootExtra> => ({
    path,
    mode,
    content: await readFile(join(beside, name)),
  });
  const user = [
    await from("/usr/libexec/bootgate-live/make-user", 0o755, "make-user.sh"),
    await from("/usr/lib/systemd/system/live-user.service", 0o644, "live-user.service"),
    {
      path: "/usr/lib/systemd/system/multi-user.target.wants/live-user.service",
      mode: 0o777,
      content: { link: "../live-user.service" },
    },
  ];
  const place = (path: string): RootExtra => ({ path, mode: 0o755, content: { directory: true } });
  const root = await writeRootImage({
    image,
    target: join(tree, liveRoot),
    extra: [
      ...["/dev", "/proc", "/sys", "/run", "/tmp"].map(place),
      ...(fault === "no-session" ? [] : user),
      await from(
        "/usr/lib/systemd/system/getty@tty1.service.d/autologin.conf",
        0o644,
        "autologin.conf",
      ),
      await from("/etc/pam.d/login", 0o644, "login.pam"),
      { path: modulePath, mode: 0o644, content: { file: await provideSessionModule(options) } },
    ],
    onProgress: () => undefined,
    signal,
  });
  const { kernels } = await describeRoot(root, image.architecture);
  const kernel = kernels[0];
  if (kernel === undefined) throw new TypeError("The reference OS has a kernel.");
  await root.extractFiles(new Map([[kernel.vmlinuz, join(tree, pxeboot, "vmlinuz")]]));
}

/** By the dracut of the tree that the image was made from, whose modules are the image's own. */
async function makeInitramfs(
  base: BaseTree,
  work: string,
  tree: string,
  signal: AbortSignal,
): Promise<void> {
  const scratch = join(work, "initramfs");
  await mkdir(scratch);
  await cp(join(beside, "make-initramfs.sh"), join(scratch, "make-initramfs.sh"));
  const command = ["sh", "/tmp/make-initramfs.sh"];
  await runInTree({ tree: base.tree, work: scratch, command }, { signal });
  await giveToUs(scratch, signal);
  await rename(join(scratch, "initrd.img"), join(tree, pxeboot, "initrd.img"));
}

/** Of an erofs it begins behind the first 1024 bytes (the kernel's Documentation/filesystems/erofs.rst). */
async function overwriteSuperblock(path: string): Promise<void> {
  await using file = await open(path, "r+");
  await file.write(Buffer.alloc(128), 0, 128, 1024);
}
