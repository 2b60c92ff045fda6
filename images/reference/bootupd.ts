/**
 * The real bootupd (crate `bootupd`), built with the compiler of the reference OS's own suite, with what it installs: its unit,
 * the static GRUB configuration, and a payload for the EFI system partition in two versions. Kept in the cache by its version.
 */
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exists } from "../../harness/base/exists.ts";
import { baseSuite } from "./base-packages.ts";
import { bootstrapBuilder } from "./builder-tree.ts";
import { fillSlot } from "./cache-slot.ts";
import { bootupdKey } from "./content-key.ts";
import {
  type BuildContext,
  besideUs,
  giveToUs,
  removeAsRoot,
  runAsRoot,
  runInTree,
} from "./privileged.ts";

/** Of the crate. */
export const bootupdVersion = "0.3.2";

/** What the builder needs: the compiler, OpenSSL for bootupd, GRUB and shim for the payload. */
export const builderPackages = [
  "cargo",
  "gcc",
  "libc6-dev",
  "libssl-dev",
  "make",
  "pkgconf",
  "ca-certificates",
  "grub-common",
  "grub-efi-amd64-bin",
  "grub-pc-bin",
  "shim-unsigned",
] as const;

/** Seconds since the epoch: when the first payload was made, as its metadata says. */
const payloadEpoch = 1_767_225_600;

/** Trees to be laid over the reference OS; bootupd is in both, and the payload differs. */
export interface Bootupd {
  readonly v1: string;
  readonly v2: string;
}

/** Of the host: the names of registries behind a proxy, and whom it trusts. */
async function bringTrust(work: string): Promise<string[]> {
  const authorities = "/etc/ssl/certs/ca-certificates.crt";
  if (await exists(authorities)) await copyFile(authorities, join(work, "ca.pem"));
  const home = process.env["CARGO_HOME"] ?? join(process.env["HOME"] ?? "/nonexistent", ".cargo");
  const config = join(home, "config.toml");
  await mkdir(join(work, "cargo"));
  if (await exists(config)) await copyFile(config, join(work, "cargo/config.toml"));
  const proxies = ["https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"];
  return proxies.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [`${name}=${value}`];
  });
}

async function fill(folder: string, context: BuildContext): Promise<void> {
  const { onProgress, signal } = context;
  const tree = join(folder, "tree");
  const work = join(folder, "work");
  await mkdir(work);
  onProgress(`bootstrapping Debian ${baseSuite} with a Rust compiler`);
  await bootstrapBuilder(tree, builderPackages, context);
  const assignments = await bringTrust(work);
  for (const name of ["resolv.conf", "hosts"])
    await runAsRoot("cp", ["--dereference", `/etc/${name}`, join(tree, "etc", name)], context);
  await copyFile(besideUs("scripts/build-bootupd.sh"), join(work, "build-bootupd.sh"));
  onProgress(`building bootupd ${bootupdVersion}, which takes some minutes`);
  const script = ["sh", "/tmp/build-bootupd.sh", bootupdVersion, String(payloadEpoch)];
  await runInTree({ tree, work, command: ["env", ...assignments, ...script] }, context);
  for (const version of ["v1", "v2"]) {
    await runAsRoot("mv", [join(work, version), join(folder, version)], context);
    await giveToUs(join(folder, version), signal);
  }
  await removeAsRoot(tree, signal);
  await removeAsRoot(work, signal);
  await writeFile(join(folder, "bootupd.json"), JSON.stringify({ version: bootupdVersion }));
}

/** bootupd from the cache, built when it is not there. Throws HostUnfit where the crate cannot be fetched or built. */
export async function provideBootupd(cacheDir: string, context: BuildContext): Promise<Bootupd> {
  const key = await bootupdKey([bootupdVersion, builderPackages, payloadEpoch]);
  const slot = join(cacheDir, "reference-bootupd", key.slice(0, 12));
  const folder = await fillSlot(slot, (draft) => fill(draft, context), context);
  return { v1: join(folder, "v1"), v2: join(folder, "v2") };
}
