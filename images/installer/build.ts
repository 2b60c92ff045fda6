/**
 * Builds the installer ISO of the reference OS, a stand-in for Anaconda's: the image's own kernel and initramfs, a root
 * made of the image's files, the real pykickstart, and the image itself in `/container`, as osbuild's `anaconda-iso` has it.
 */
import {
  cp,
  link,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../harness/base/package-root.ts";
import { runCommand } from "../../harness/base/process.ts";
import { standInsFile } from "../iso/installer.ts";
import { blobPath, type OciImageFacts, readOciImage } from "../origins/oci-layout.ts";
import { provideBase } from "../reference/base-tree.ts";
import { appendToInitramfs, type CpioFile } from "../reference/cpio.ts";
import { giveToUs, runInTree } from "../reference/privileged.ts";
import type { RootExtra } from "../rootfs/extras.ts";
import { describeRoot } from "../rootfs/facts.ts";
import { writeRootImage } from "../rootfs/write-image.ts";
import { addBootLoaders, type MenuEntry } from "./boot-loaders.ts";
import { providePykickstart } from "./pykickstart.ts";

export const installerLabel = "BOOTGATE-REFERENCE";
/** Of the installer itself; the first starts it. */
const programs = ["installer.py", "storage.py", "talk.py"] as const;
const beside = join(packageRoot, "images", "installer", "medium");

export interface InstallerOptions {
  readonly cacheDir: string;
  /** The reference OS as an OCI layout. */
  readonly layout: string;
  readonly tag: string;
  /** Where the ISO goes. */
  readonly target: string;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Writes the ISO. Needs xorriso and xz on the host, and pip once. */
export async function buildInstaller(options: InstallerOptions): Promise<void> {
  const { target, onProgress, signal } = options;
  const work = `${target}.work`;
  const tree = join(work, "iso");
  await rm(work, { recursive: true, force: true });
  await mkdir(join(tree, "images", "pxeboot"), { recursive: true });
  try {
    const image = await readOciImage(options.layout, options.tag);
    onProgress("making the root of the installer");
    await writeSystem(image, work, tree, options);
    await copyImage(image, join(tree, "container"));
    const { grub } = await provideBase(options.cacheDir, options);
    const label = installerLabel;
    const boots = await addBootLoaders({ tree, grub, label, menu, troubleshooting, signal });
    await writeFile(join(tree, standInsFile), "anaconda\nbootc\n");
    onProgress("packing the ISO");
    const draft = join(work, "draft.iso");
    const names = ["-volid", installerLabel, "-iso-level", "3", "-R", "-J"];
    const args = ["-as", "mkisofs", "-quiet", ...names, ...boots, "-o", draft, tree];
    await runCommand("xorriso", args, { signal, timeoutMs: 600_000 });
    await rename(draft, target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Where the second stage is, and what starts instead of systemd, which the initramfs leaves out. */
const words = [
  `inst.stage2=hd:LABEL=${installerLabel}`,
  "rdinit=/usr/bin/bootgate-medium",
] as const;

const product = "the reference OS (stand-in installer)";
const menu: readonly MenuEntry[] = [
  { title: `Install ${product}`, words: [...words, "quiet"] },
  {
    title: `Test this media & install ${product}`,
    words: [...words, "rd.live.check", "quiet"],
  },
];
const troubleshooting: MenuEntry = {
  title: `Install ${product} in basic graphics mode`,
  words: [...words, "nomodeset", "quiet"],
};

async function writeSystem(
  image: OciImageFacts,
  work: string,
  tree: string,
  { signal, ...options }: InstallerOptions,
): Promise<void> {
  const python = await compiledPython(work, { ...options, signal });
  const script = async (path: string, name: string): Promise<RootExtra> => ({
    path,
    mode: 0o755,
    content: await readFile(join(beside, name)),
  });
  const place = (path: string): RootExtra => ({ path, mode: 0o755, content: { directory: true } });
  const root = await writeRootImage({
    image,
    target: join(tree, "images", "install.img"),
    extra: [
      ...["/dev", "/proc", "/sys", "/run", "/tmp", "/.bootgate", "/.bootgate/python"].map(place),
      await script("/.bootgate/init", "init.sh"),
      ...(await Promise.all(programs.map((name) => script(`/.bootgate/${name}`, name)))),
      ...(await filesBelow(python, "/.bootgate/python")),
    ],
    onProgress: () => undefined,
    signal,
  });
  const { kernels } = await describeRoot(root, image.architecture);
  const kernel = kernels[0];
  if (kernel?.initramfs == null) throw new TypeError("The reference OS has a kernel.");
  const folder = kernel.vmlinuz.replace(/\/vmlinuz$/, "/kernel");
  const initrd = join(work, "initramfs.img");
  const modules = {
    cdrom: `${folder}/drivers/cdrom/cdrom.ko.xz`,
    sr_mod: `${folder}/drivers/scsi/sr_mod.ko.xz`,
    isofs: `${folder}/fs/isofs/isofs.ko.xz`,
  };
  await root.extractFiles(
    new Map([
      [kernel.vmlinuz, join(tree, "images", "pxeboot", "vmlinuz")],
      [kernel.initramfs, initrd],
      ["/usr/sbin/chroot", join(work, "chroot")],
      ...Object.entries(modules).map(
        ([name, path]) => [path, join(work, `${name}.ko.xz`)] as const,
      ),
    ]),
  );
  const files = await mediumFiles(work, Object.keys(modules), signal);
  const whole = appendToInitramfs(await readFile(initrd), files);
  await writeFile(join(tree, "images", "pxeboot", "initrd.img"), whole);
}

/** What finds the medium, put into the initramfs behind what it has. Its modules are not compressed: insmod loads them. */
async function mediumFiles(
  work: string,
  modules: readonly string[],
  signal: AbortSignal,
): Promise<CpioFile[]> {
  const files: CpioFile[] = [
    {
      name: "usr/bin/bootgate-medium",
      mode: 0o100755,
      content: await readFile(join(beside, "find-medium.sh")),
    },
    {
      name: "usr/lib/bootgate-chroot",
      mode: 0o100755,
      content: await readFile(join(work, "chroot")),
    },
  ];
  for (const name of modules) {
    await runCommand("xz", ["-d", join(work, `${name}.ko.xz`)], { signal });
    const content = await readFile(join(work, `${name}.ko`));
    files.push({ name: `usr/lib/bootgate-${name}.ko`, mode: 0o100644, content });
  }
  return files;
}

/** pykickstart with byte code of the image's own Python, which would compile two hundred files at each start. */
async function compiledPython(
  work: string,
  options: Omit<InstallerOptions, "target">,
): Promise<string> {
  const { cacheDir, signal } = options;
  const { tree } = await provideBase(cacheDir, options);
  const python = join(work, "python");
  await cp(await providePykickstart(options), python, { recursive: true });
  const compile = ["python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"];
  // Seen as /tmp in the tree. It ends with 1 for a file of somebody else's Python, which nobody imports.
  const command = ["sh", "-c", `${compile.join(" ")} /tmp/python || true`];
  await runInTree({ tree, work, command }, { signal });
  await giveToUs(python, signal);
  return python;
}

async function filesBelow(folder: string, into: string): Promise<RootExtra[]> {
  const found: RootExtra[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const [file, path] = [join(folder, entry.name), `${into}/${entry.name}`];
    if (entry.isDirectory()) {
      found.push({ path, mode: 0o755, content: { directory: true } });
      found.push(...(await filesBelow(file, path)));
    } else found.push({ path, mode: 0o644, content: { file } });
  }
  return found;
}

async function copyImage(
  { layout, digest, mediaType, manifest, config, layers }: OciImageFacts,
  into: string,
): Promise<void> {
  await mkdir(join(into, "blobs", "sha256"), { recursive: true });
  for (const one of new Set([digest, config.digest, ...layers.map((layer) => layer.digest)])) {
    const place = join(into, "blobs", "sha256", one.slice("sha256:".length));
    // Of a derived image a layer is a link, and link(2) would make another name of that link.
    const source = await realpath(blobPath(layout, one));
    await link(source, place).catch(() => cp(source, place));
  }
  await writeFile(join(into, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const descriptor = { mediaType, digest, size: manifest.byteLength };
  await writeFile(
    join(into, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }),
  );
}
