/** Makes the upper layers, the OS configuration with the stand-in and each version's own, and the OCI layout of all images. */
import { chmod, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BaseTree } from "./base-tree.ts";
import type { Bootupd } from "./bootupd.ts";
import { appendToInitramfs } from "./cpio.ts";
import { type LayoutImage, packLayer, writeLayout } from "./layer.ts";
import type { LayerEntry } from "./layer-entry.ts";
import { createdOn, imageConfig, imageManifest, type LayerBlob } from "./oci-layout.ts";
import type { PackageTrees } from "./package-trees.ts";
import {
  type BuildContext,
  besideUs,
  giveToUs,
  removeAsRoot,
  runAsRoot,
  runInTree,
} from "./privileged.ts";
import type { VersionRecipe } from "./recipe.ts";
import type { SecureBootParts } from "./secure-boot.ts";

/** Sets the modes that a system wants, whatever umask and checkout made of them. Returns nothing; links are left alone. */
async function normaliseModes(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await normaliseModes(path);
    else if (entry.isFile()) await chmod(path, 0o644);
  }
}

/** Copies the stand-in as it is installed: /usr/lib/bootgate-standin. */
export async function stageStandin(folder: string): Promise<void> {
  await cp(besideUs("standin"), folder, {
    recursive: true,
    filter: (path) => !path.includes("__pycache__"),
  });
  await normaliseModes(folder);
  for (const program of ["bootc", "rpm-ostree"]) await chmod(join(folder, program), 0o755);
}

async function packOsLayer(
  work: string,
  base: BaseTree,
  context: BuildContext,
): Promise<LayerBlob> {
  const folder = join(work, "os");
  const standin = join(folder, "usr/lib/bootgate-standin");
  await cp(besideUs("tree-os"), folder, { recursive: true });
  await normaliseModes(folder);
  await stageStandin(standin);
  // Byte code is made here since /usr is read-only in the guest; ostree zeroes times, so it must not depend on them.
  const compile = ["python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"];
  const command = [...compile, "/usr/lib/bootgate-standin/bootgate_standin"];
  await runInTree({ tree: base.tree, work, standin, command }, context);
  await giveToUs(standin, context.signal);
  await mkdir(join(folder, "usr/bin"));
  await symlink("../lib/bootgate-standin/bootc", join(folder, "usr/bin/bootc"));
  const target = join(work, "os.tar.gz");
  return packLayer({ folder, members: ["etc", "usr"], target }, context.signal);
}

async function goodInitramfs(work: string, base: BaseTree, context: BuildContext): Promise<Buffer> {
  const copy = join(work, "initramfs.img");
  const source = join(base.tree, "usr/lib/modules", base.kernelVersion, "initramfs.img");
  await runAsRoot("cp", [source, copy], context);
  await giveToUs(copy, context.signal);
  await runAsRoot("chmod", ["0644", copy], context);
  return readFile(copy);
}

/** What was built apart, as a folder to be laid over that of the version. */
type BuiltApart = Extract<LayerEntry, { kind: "bootupd" | "packages" | "secure-boot" }>;

const isBuiltApart = (entry: LayerEntry): entry is BuiltApart =>
  entry.kind === "bootupd" || entry.kind === "packages" || entry.kind === "secure-boot";

async function writeEntry(
  folder: string,
  entry: Exclude<LayerEntry, BuiltApart>,
  initramfs: { readonly path: string; readonly good: Buffer },
): Promise<void> {
  const path = join(folder, entry.kind === "initramfs" ? initramfs.path : entry.path);
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true }); // what an entry before it put there, which may be a link
  if (entry.kind === "link") await symlink(entry.target, path);
  else if (entry.kind === "whiteout")
    await writeFile(join(dirname(path), `.wh.${path.slice(dirname(path).length + 1)}`), "");
  else if (entry.kind === "initramfs")
    await writeFile(path, appendToInitramfs(initramfs.good, entry.appended));
  else await writeFile(path, entry.text);
}

/** What the layers of versions are made of. */
export interface VersionParts {
  readonly base: BaseTree;
  readonly recipes: Readonly<Record<string, VersionRecipe>>;
  /** Null where no recipe wants it. */
  readonly bootupd: Bootupd | null;
  /** Null where no recipe wants them. */
  readonly packages: PackageTrees | null;
  /** Null where no recipe wants it. */
  readonly secureBoot: SecureBootParts | null;
  /** Layers between the OS's configuration and each version's own, lowest first. */
  readonly above: readonly LayerBlob[];
}

/** Lays the part of a version that was built apart over its folder. */
async function layTree(
  folder: string,
  version: string,
  entry: BuiltApart,
  parts: VersionParts,
): Promise<void> {
  const from = folderOf(entry, parts);
  if (from === undefined)
    throw new TypeError(`'${version}' wants ${entry.kind}, and it was not built.`);
  const below = entry.kind === "packages" ? (entry.below ?? "") : "";
  const how = { recursive: true, verbatimSymlinks: true };
  if (below !== "") await rm(join(folder, below), { recursive: true, force: true });
  await cp(join(from, below), join(folder, below), how);
}

function folderOf(
  entry: BuiltApart,
  { bootupd, packages, secureBoot }: VersionParts,
): string | undefined {
  if (entry.kind === "bootupd") return bootupd?.[entry.payload];
  if (entry.kind === "packages") return packages?.[entry.tree];
  return secureBoot?.trees[entry.tree];
}

async function packVersion(
  version: string,
  options: VersionParts & {
    readonly work: string;
    readonly good: Buffer;
    readonly entries: readonly LayerEntry[];
  },
  signal: AbortSignal,
): Promise<LayerBlob> {
  const { work, base, good, entries } = options;
  const folder = join(work, version);
  await mkdir(folder);
  const path = join("usr/lib/modules", base.kernelVersion, "initramfs.img");
  for (const entry of entries) {
    if (isBuiltApart(entry)) await layTree(folder, version, entry, options);
    else await writeEntry(folder, entry, { path, good });
  }
  await normaliseModes(folder);
  for (const entry of entries) {
    if (entry.kind === "bootupd") await chmod(join(folder, "usr/libexec/bootupd"), 0o755);
    if (entry.kind === "file" && entry.mode !== undefined)
      await chmod(join(folder, entry.path), entry.mode);
  }
  const target = join(work, `${version}.tar.gz`);
  return packLayer({ folder, members: ["etc", "usr"], target }, signal);
}

/** Writes `<dir>/oci` with all versions and returns the digest of each. */
export async function buildImages(
  dir: string,
  parts: VersionParts,
  context: BuildContext,
): Promise<Map<string, string>> {
  const { base, recipes, above } = parts;
  const { debian } = base.platform;
  const work = join(dir, "work");
  await mkdir(work);
  context.onProgress("packing the OS and version layers");
  const os = await packOsLayer(work, base, context);
  const good = await goodInitramfs(work, base, context);
  const images = new Map<string, LayoutImage>();
  for (const [version, { entries, day }] of Object.entries(recipes)) {
    const own = await packVersion(version, { ...parts, work, good, entries }, context.signal);
    const layers = [...base.layers, os, ...above, own];
    const created = createdOn(day);
    const config = imageConfig({ version, architecture: debian, created, layers });
    images.set(version, { config, manifest: imageManifest(config, layers), layers });
  }
  await writeLayout(join(dir, "oci"), images, debian);
  await removeAsRoot(work, context.signal);
  return new Map([...images].map(([version, image]) => [version, image.manifest.digest]));
}
