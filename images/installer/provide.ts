/**
 * The installer ISO of the reference OS as the catalogue names it: built once for an image and kept in the cache by what
 * goes into it, like the reference OS itself.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../harness/base/package-root.ts";
import { readOciImage } from "../origins/oci-layout.ts";
import { fillSlot } from "../reference/cache-slot.ts";
import { hashFolder } from "../reference/content-key.ts";
import { buildInstaller, type InstallerOptions } from "./build.ts";

/** Raise it when what is not in this folder, such as how a root is written, changes the ISO. */
const revision = 1;

/** Its name says the architecture, as those of Fedora's do. */
const fileName = "reference-installer-x86_64.iso";

const folder = join(packageRoot, "images", "installer");

/** Names an ISO by the programs on it, what puts them there, and the image that it carries. */
export async function installerKey(digest: string): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([revision, digest]));
  hash.update(await hashFolder(join(folder, "medium")));
  for (const name of ["build.ts", "boot-loaders.ts", "requirements.txt"])
    hash.update(await readFile(join(folder, name)));
  return hash.digest("hex");
}

/** The path of the ISO, built where it is not in the cache. Throws HostUnfit for what the host lacks to build it. */
export async function provideInstaller(options: Omit<InstallerOptions, "target">): Promise<string> {
  const { digest } = await readOciImage(options.layout, options.tag);
  const key = (await installerKey(digest)).slice(0, 12);
  const slot = join(options.cacheDir, "reference-installer", key);
  const fill = (folder: string): Promise<void> =>
    buildInstaller({ ...options, target: join(folder, fileName) });
  return join(await fillSlot(slot, fill, options), fileName);
}
