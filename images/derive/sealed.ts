/**
 * Images that no layer can be put on. The command line of a unified kernel may name the digest of the whole root that it is
 * for, and bootc refuses an image whose root has another one (crates/lib/src/bootc_composefs/boot.rs), insecure or not.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { quoting, UsageError } from "../../harness/base/errors.ts";
import { Shelf } from "../../harness/base/shelf.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import type { OciImageFacts } from "../origins/oci-layout.ts";
import { findKernels } from "../rootfs/facts.ts";
import { readUkiCommandLines } from "../rootfs/kernel-file.ts";
import { readRootTree } from "../rootfs/root-tree.ts";

/** No image can be derived of this one. */
export class SealedImage extends UsageError {}

/** `kernel`: the path of the unified kernel that names the digest; null where none does. */
const schema = z.strictObject({ version: z.literal(1), kernel: z.string().nullable() });

/** Throws SealedImage where a kernel is bound to the image's files, as far as that can be read. It reads all layers once for each image. */
export async function requireOpen(
  image: OciImageFacts,
  options: {
    /** How messages call it. */
    readonly name: string;
    readonly cacheDir: string;
    readonly signal: AbortSignal;
    readonly onWait: (holder: string) => void;
    readonly onProgress: (line: string) => void;
  },
): Promise<void> {
  const { name, cacheDir, signal, onWait, onProgress } = options;
  const shelf = new Shelf({ cacheDir, name: "derived", schema });
  const key = createHash("sha256")
    .update(JSON.stringify(["sealed", image.digest]))
    .digest("hex");
  const known = await shelf
    .provide(key, {
      what: `what is known of the kernel of '${name}'`,
      signal,
      onWait,
      fill: async () => {
        onProgress(`looks at the kernel of '${name}', for which all its layers are read once`);
        return { version: 1, kernel: await sealedKernel(image, signal) };
      },
    })
    .catch((error: unknown) => {
      signal.throwIfAborted();
      // Layers or a kernel that cannot be read are judged where they are used, and nothing is kept of them here.
      if (error instanceof UsageError) return null;
      throw error;
    });
  const kernel = known?.facts.kernel ?? null;
  if (kernel === null) return;
  throw new SealedImage(
    quoting`No image can be made of '${name}' by a layer: its unified kernel '${kernel}' is bound to its own files.`,
    {
      details: {
        why: "its command line names the digest of the whole root (composefs=), and bootc refuses another root",
        "to do": "name images that were built whole: --previous, --next, --broken",
      },
    },
  );
}

/** The path of the first unified kernel whose command line names a composefs image; null where there is none. */
async function sealedKernel(image: OciImageFacts, signal: AbortSignal): Promise<string | null> {
  const tree = await readRootTree(image, { signal });
  const { ukis } = findKernels(tree);
  await using workspace = await createWorkspace("sealed");
  for (const [index, path] of ukis.entries()) {
    const file = join(workspace.path, `${index}.efi`);
    await tree.extract(path, file);
    const lines = await readUkiCommandLines(file, `The unified kernel image '${path}'`);
    if (lines.some((line) => /(?:^|\s)composefs(?:\.digest)?=/.test(line))) return path;
  }
  return null;
}
