/** Keys that name a build by what goes into it, so that a finished build is found again and a changed one is not. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { basePackages, baseSuite, excludedPaths } from "./base-packages.ts";
import type { ReferencePlatform } from "./platforms.ts";
import { besideUs } from "./privileged.ts";

/** Raise it when the layout of the output changes. */
export const formatVersion = 1;

const ignored = (name: string): boolean =>
  name === "__pycache__" ||
  name === "node_modules" ||
  name === "README.md" ||
  name.endsWith(".pyc");

/** Every file that counts below a folder, sorted, relative to it. */
export async function listInputs(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const nested = await Promise.all(
    entries
      .filter((entry) => !ignored(entry.name))
      .map(async (entry) => {
        const path = join(folder, entry.name);
        if (!entry.isDirectory()) return [path];
        return (await listInputs(path)).map((name) => join(path, name));
      }),
  );
  return nested
    .flat()
    .map((path) => relative(folder, path))
    .sort();
}

/** sha256 over names and contents of all files below a folder. */
export async function hashFolder(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of await listInputs(folder)) {
    const content = await readFile(join(folder, name));
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

async function hashFiles(names: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const name of names) hash.update(`${name}\0`).update(await readFile(besideUs(name)));
  return hash.digest("hex");
}

const keyOf = (parts: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex");

/** Names the bootstrapped tree: packages and what is done to them, but neither the stand-in nor the OS configuration. */
export async function baseKey(platform: ReferencePlatform): Promise<string> {
  return keyOf([
    formatVersion,
    baseSuite,
    platform,
    basePackages(platform),
    excludedPaths(platform),
    await hashFolder(besideUs("tree-base")),
    await hashFiles(["base-tree.ts", "scripts/in-tree.sh", "scripts/prepare-tree.sh"]),
  ]);
}

/** Names the sysroot that holds the imported base layers: the base and the code that imports. */
export async function seedKey(platform: ReferencePlatform): Promise<string> {
  const modules = [
    ...["errors", "importer", "layer", "tarstream", "blob", "proxy", "local"],
    ...["deploy", "ostree", "gvariant", "imgref"],
  ];
  return keyOf([
    await baseKey(platform),
    await hashFiles(modules.map((name) => `standin/bootgate_standin/${name}.py`)),
    await hashFiles(["seed.ts", "layer.ts", "oci-layout.ts"]),
  ]);
}

/** Names the disk in package mode: the base, what is done to it, and the OS configuration. */
export async function plainKey(platform: ReferencePlatform): Promise<string> {
  return keyOf([
    await baseKey(platform),
    await hashFolder(besideUs("tree-os")),
    await hashFiles(["plain-disk.ts", "disk.ts", "scripts/plain-sysroot.sh"]),
  ]);
}

/** Names the real bootupd: what it is built of, in what, and how. It takes minutes, so words about it do not count. */
export async function bootupdKey(parts: readonly unknown[]): Promise<string> {
  return keyOf([baseSuite, ...parts, await hashFiles(["scripts/build-bootupd.sh"])]);
}

/** Names a layer of packages: the base that it is laid over, its packages, and what is taken of them. */
export async function packageLayerKey(parts: readonly unknown[]): Promise<string> {
  return keyOf([
    ...parts,
    await hashFiles(["package-layer.ts", "unpack-debian.ts", "layer.ts", "scripts/pick-new.sh"]),
  ]);
}

/** Names the packages of another kernel. */
export async function otherKernelKey(parts: readonly unknown[]): Promise<string> {
  return keyOf([
    ...parts,
    await hashFiles(["other-kernel.ts", "unpack-debian.ts"]),
    await hashFolder(besideUs("../rpm")),
  ]);
}

/** Names what is signed for Secure Boot: the base whose kernel it has, the packages, and how it is signed. */
export async function secureBootKey(parts: readonly unknown[]): Promise<string> {
  return keyOf([...parts, await hashFiles(["secure-boot.ts", "scripts/sign-boot.sh"])]);
}

/** sha256 over everything that influences an edition of the reference OS. */
export async function referenceContentKey(
  platform: ReferencePlatform,
  edition = "plain",
): Promise<string> {
  const named = edition === "plain" ? [] : [edition];
  if (edition === "dnf5" || edition === "rpm-ostree" || edition === "kernel")
    named.push(await hashFolder(besideUs("../rpm")));
  return keyOf([formatVersion, platform, await hashFolder(besideUs(".")), ...named]);
}
