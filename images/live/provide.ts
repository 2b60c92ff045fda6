/** The live media of the reference OS as the catalogue names them: built once for an image and a fault, and kept in the cache. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../harness/base/package-root.ts";
import { readOciImage } from "../origins/oci-layout.ts";
import { fillSlot } from "../reference/cache-slot.ts";
import { hashFolder } from "../reference/content-key.ts";
import { buildLiveMedium, type LiveMediumOptions } from "./build.ts";
import { type LiveFault, liveSlotKinds } from "./kinds.ts";

/** Raise it when what is not in this folder, such as how a root is written, changes the ISO. */
const revision = 1;

/** Its name says the architecture, as those of Fedora's do. */
const fileName = "reference-live-x86_64.iso";

const images = join(packageRoot, "images");

/** Names an ISO by what is put on it, by what puts it there, by the image and by what is wrong with it. */
export async function liveMediumKey(digest: string, fault: LiveFault | null): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([revision, digest, fault]));
  hash.update(await hashFolder(join(images, "live")));
  hash.update(await readFile(join(images, "installer", "boot-loaders.ts")));
  return hash.digest("hex");
}

/** The path of the ISO, built where it is not in the cache. Throws HostUnfit for what the host lacks to build it. */
export async function provideLiveMedium(
  options: Omit<LiveMediumOptions, "target">,
): Promise<string> {
  const { digest } = await readOciImage(options.layout, options.tag);
  const key = (await liveMediumKey(digest, options.fault)).slice(0, 12);
  const slot = join(options.cacheDir, liveSlotKinds[0], key);
  const fill = (folder: string): Promise<void> =>
    buildLiveMedium({ ...options, target: join(folder, fileName) });
  return join(await fillSlot(slot, fill, options), fileName);
}
