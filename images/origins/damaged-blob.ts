/**
 * A blob of the cache that turns out not to be what its name says goes: sizes alone tell that one is there, so it would be
 * taken again by every run. Images of the store and images derived of them have a blob in common by its one file, so none of
 * them is whole any more, and each is fetched or made again when it is asked for.
 */
import { realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { HostUnfit } from "../../harness/base/errors.ts";
import { exists } from "../../harness/base/exists.ts";
import { hashFile } from "../../harness/base/hash-file.ts";
import { shelfRecordName } from "../../harness/base/shelf.ts";
import type { Digest } from "../../harness/base/units.ts";
import { blobPath, type OciImageFacts } from "./oci-layout.ts";
import { markFolders } from "./store-marks.ts";
import type { StoredBlob } from "./store-room.ts";

/** The words for what helps where the cache has let go of a damaged blob. */
export const startAgain =
  "start again: it was removed from the cache and is fetched or made once more";

/**
 * Removes a blob that its digest has shown to be damaged, where the cache holds it. False for a blob of somebody else's,
 * which is left alone.
 */
export async function forgetBlob(path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => null);
  if (real === null || !(await isOfCache(dirname(dirname(dirname(real)))))) return false;
  await rm(real, { force: true });
  return true;
}

/** A store of images with its marks, or an image on a shelf; layouts of people have neither beside their blobs. */
async function isOfCache(root: string): Promise<boolean> {
  if (await exists(join(root, shelfRecordName))) return true;
  const folders = await Promise.all(
    ["images", ...markFolders].map((one) => isFolder(join(root, one))),
  );
  return basename(root) === "oci" && folders.every((one) => one);
}

/** Larger ones are layers, which are checked where they are unpacked. */
const maxDocumentBytes = 4 * 1024 * 1024;

/**
 * Removes those blobs of an image that is no longer whole which are of another size, or documents of other bytes: skopeo
 * takes what has the right name for what is there.
 */
export async function forgetUnfit(
  blobs: readonly StoredBlob[],
  pathOf: (digest: Digest) => string,
  signal: AbortSignal,
): Promise<void> {
  for (const { digest, size } of blobs) {
    const path = pathOf(digest);
    const got = await stat(path).catch(() => null);
    if (got === null) continue;
    const isFit =
      got.size === size && (size > maxDocumentBytes || (await hashFile(path, signal)) === digest);
    if (!isFit) await rm(path, { force: true });
  }
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  );

/**
 * Looks through the blobs of an image that somebody could not read, and removes from the cache what is damaged there. Throws
 * HostUnfit where something was: nothing is the image's fault then.
 */
export async function forgetDamaged(image: OciImageFacts, signal: AbortSignal): Promise<void> {
  for (const { digest } of [image.config, ...image.layers]) {
    const path = blobPath(image.layout, digest);
    const got = await hashFile(path, signal).catch(() => null);
    signal.throwIfAborted();
    if (got === null || got === digest || !(await forgetBlob(path))) continue;
    throw new HostUnfit(
      `A blob of the image '${image.layout}:${image.tag}' is damaged in the cache.`,
      {
        details: { expected: digest, got, "to do": startAgain },
      },
    );
  }
}
