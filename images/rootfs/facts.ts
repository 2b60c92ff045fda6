/** What an image's root says of itself before anything boots: kernels, bootc, bootupd, its name, how it wants to be installed. */
import { UsageError } from "../../harness/base/errors.ts";
import {
  type ConfigFile,
  type InstallConfig,
  parseInstallConfig,
  parseKargs,
  parseKeyFile,
} from "./install-config.ts";
import type { RootTree } from "./root-tree.ts";

/** A kernel in `/usr/lib/modules/VERSION`. */
export interface Kernel {
  readonly version: string;
  /** Absolute in the image, as are all paths here. */
  readonly vmlinuz: string;
  readonly initramfs: string | null;
}

/** A file or two from which an image's kernel can be started with its initramfs. */
export type Startable =
  | { readonly kind: "kernel"; readonly vmlinuz: string; readonly initramfs: string }
  | { readonly kind: "uki"; readonly path: string };

export interface RootFacts {
  readonly kernels: readonly Kernel[];
  /** Unified kernel images. bootc takes the first of `/boot/EFI/Linux` before any other kernel. */
  readonly ukis: readonly string[];
  readonly hasBootc: boolean;
  readonly bootupd: {
    readonly hasProgram: boolean;
    readonly hasPayload: boolean;
    /** What it would install: `BIOS`, `EFI`. */
    readonly components: readonly string[];
  };
  readonly os: {
    readonly id: string | null;
    readonly versionId: string | null;
    readonly prettyName: string | null;
  };
  readonly install: InstallConfig;
  /** Of `/usr/lib/bootc/kargs.d`. */
  readonly kargs: readonly string[];
  /** `composefs.enabled` and the like; null where the image has no `prepare-root.conf`. */
  readonly prepareRoot: ReadonlyMap<string, string> | null;
  /** File systems that the image can make: those of `mkfs.NAME`. */
  readonly mkfs: readonly string[];
}

const modules = "/usr/lib/modules";
const efiLinux = "/boot/EFI/Linux";
/** A `NAME.json` for each component (coreos/bootupd, `src/component.rs`). */
const bootupdUpdates = "/usr/lib/bootupd/updates";
const maxConfigBytes = 1024 * 1024;
/** As bootc looks for them, the last of a name first (liboverdrop). */
const configBases = ["/etc", "/usr/local/lib", "/usr/lib"];

/**
 * Reads the facts; `architecture` is the kernel's word for the machine (`x86_64`), by which configuration is chosen.
 * Throws UsageError for a configuration file that bootc could not read either.
 */
export async function describeRoot(tree: RootTree, architecture: string): Promise<RootFacts> {
  const installPaths = fragments(tree, configBases, "bootc/install");
  const kargsPaths = fragments(tree, ["/usr/lib"], "bootc/kargs.d");
  const prepare = firstFile(tree, [
    "/etc/ostree/prepare-root.conf",
    "/usr/lib/ostree/prepare-root.conf",
  ]);
  const release = firstFile(tree, ["/etc/os-release", "/usr/lib/os-release"]);
  const single = [prepare, release].filter((path) => path !== null);
  const texts = await tree.readFiles([...installPaths, ...kargsPaths, ...single], maxConfigBytes);
  const textOf = (path: string): string => texts.get(path)?.toString("utf8") ?? "";
  const files = (paths: readonly string[]): ConfigFile[] =>
    paths.map((path) => ({ path, text: textOf(path) }));
  const os = parseKeyFile(release === null ? "" : textOf(release));
  return {
    ...findKernels(tree),
    hasBootc: isFile(tree, "/usr/bin/bootc"),
    bootupd: {
      hasProgram: isFile(tree, "/usr/bin/bootupctl"),
      hasPayload: tree.list(bootupdUpdates).length > 0,
      components: tree
        .list(bootupdUpdates)
        .flatMap(({ name }) => /^([A-Z]+)\.json$/.exec(name)?.[1] ?? []),
    },
    os: {
      id: os.get("ID") ?? null,
      versionId: os.get("VERSION_ID") ?? null,
      prettyName: os.get("PRETTY_NAME") ?? null,
    },
    install: parseInstallConfig(files(installPaths), architecture),
    kargs: parseKargs(files(kargsPaths), architecture),
    prepareRoot: prepare === null ? null : parseKeyFile(textOf(prepare)),
    mkfs: mkfsOf(tree),
  };
}

/** Its kernels, plain and unified. */
export function findKernels(tree: RootTree): Pick<RootFacts, "kernels" | "ukis"> {
  const versions = tree
    .list(modules)
    .flatMap(({ name, kind }) => (kind === "directory" ? [name] : []));
  const kernels = versions.flatMap((version): Kernel[] => {
    const vmlinuz = `${modules}/${version}/vmlinuz`;
    const initramfs = `${modules}/${version}/initramfs.img`;
    if (!isFile(tree, vmlinuz)) return [];
    return [{ version, vmlinuz, initramfs: isFile(tree, initramfs) ? initramfs : null }];
  });
  const unified = [
    ...tree.list(efiLinux).map(({ name }) => `${efiLinux}/${name}`),
    ...versions.map((version) => `${modules}/${version}/${version}.efi`),
  ];
  return {
    kernels,
    ukis: unified.filter((path) => path.endsWith(".efi") && isFile(tree, path)),
  };
}

const isFile = (tree: RootTree, path: string): boolean => tree.lookup(path)?.kind === "file";

const firstFile = (tree: RootTree, paths: readonly string[]): string | null =>
  paths.find((path) => isFile(tree, path)) ?? null;

/** The files `NAME.toml` in the order of their names; one in an earlier base hides those of its name in the others. */
function fragments(tree: RootTree, bases: readonly string[], folder: string): string[] {
  const byName = new Map<string, string>();
  for (const base of bases) {
    for (const { name } of tree.list(`${base}/${folder}`)) {
      if (name.endsWith(".toml") && !name.startsWith(".") && !byName.has(name))
        byName.set(name, `${base}/${folder}/${name}`);
    }
  }
  return [...byName]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, path]) => (isFile(tree, path) ? [path] : []));
}

function mkfsOf(tree: RootTree): string[] {
  const names = ["/usr/sbin", "/usr/bin", "/sbin"].flatMap((folder) =>
    tree.list(folder).flatMap(({ name }) => /^mkfs\.([a-z0-9]+)$/.exec(name)?.[1] ?? []),
  );
  return [...new Set(names)].sort();
}

/** What the image calls its system: os-release(5) asks for ID only. */
const systemOf = ({ prettyName, id, versionId }: RootFacts["os"]): string =>
  prettyName?.slice(0, 200) ??
  (id === null
    ? "without a name in an os-release"
    : [id, versionId ?? ""].join(" ").trim().slice(0, 200));

/**
 * The kernel with which an image can boot its own installer: one in `/usr/lib/modules`, else its first unified kernel
 * image. Throws UsageError for an image that is not bootable, has no kernel or several, a kernel without an initramfs, or
 * no bootc. `name` is the image's, for messages.
 */
export function requireInstallable(facts: RootFacts, name: string): Startable {
  const { kernels, ukis, hasBootc } = facts;
  const refuse = (headline: string, details: Readonly<Record<string, string>>): UsageError =>
    new UsageError(headline, { details });
  if (kernels.length === 0 && ukis.length === 0 && !hasBootc) {
    throw refuse(
      `The image '${name}' is not a bootable image: it has neither a kernel nor bootc.`,
      {
        "it is": systemOf(facts.os),
        "to do": "name an image that is made to be booted, for example one built FROM fedora-bootc",
      },
    );
  }
  const [kernel, ...others] = kernels;
  if (others.length > 0) {
    throw refuse(
      `The image '${name}' has ${kernels.length} kernels; bootc takes an image with one only.`,
      {
        kernels: kernels
          .map(({ vmlinuz }) => vmlinuz)
          .join(", ")
          .slice(0, 1000),
        "bootc says": "Found multiple subdirectories in usr/lib/modules",
      },
    );
  }
  const [uki] = ukis;
  if (kernel === undefined && uki === undefined) {
    throw refuse(`The image '${name}' does not have a kernel.`, {
      "looked for": `${modules}/VERSION/vmlinuz, ${efiLinux}/NAME.efi`,
    });
  }
  if (!hasBootc) {
    throw refuse(`The image '${name}' does not have bootc, so it cannot install itself.`, {
      "looked for": "/usr/bin/bootc",
      "to do": "give a disk of it, or another way to build one",
    });
  }
  if (kernel !== undefined && kernel.initramfs !== null)
    return { kind: "kernel", vmlinuz: kernel.vmlinuz, initramfs: kernel.initramfs };
  if (uki !== undefined) return { kind: "uki", path: uki };
  throw refuse(`The kernel ${kernel?.version} of the image '${name}' does not have an initramfs.`, {
    "looked for": `${modules}/${kernel?.version}/initramfs.img`,
  });
}
