/**
 * The real pykickstart, by which Anaconda reads kickstarts: the tests judge ours with its `ksvalidator`, and the stand-in
 * installer reads with it. It comes from PyPI by `requirements.txt`, exact and with hashes, into a folder of the cache.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../harness/base/package-root.ts";
import { pipInstall } from "../pip-install.ts";
import { fillSlot } from "../reference/cache-slot.ts";

const requirements = join(packageRoot, "images", "installer", "requirements.txt");

/** All of it is plain Python, so that another interpreter than the host's can use it. */
const fromSource = "pykickstart,charset-normalizer";

/** A folder for PYTHONPATH with pykickstart in it. Throws HostUnfit where pip is missing or does not get it. */
export async function providePykickstart(options: {
  readonly cacheDir: string;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<string> {
  const key = createHash("sha256")
    .update(await readFile(requirements))
    .digest("hex");
  const slot = join(options.cacheDir, "pykickstart", key.slice(0, 12));
  return fillSlot(slot, (folder) => install(folder, options), options);
}

async function install(
  folder: string,
  { onProgress, signal }: Parameters<typeof providePykickstart>[0],
): Promise<void> {
  onProgress("fetching pykickstart");
  const words = ["--require-hashes", `--no-binary=${fromSource}`];
  await pipInstall({ requirements, target: folder, words, signal });
}
