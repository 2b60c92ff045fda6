/**
 * The builder that nobody had to name. A helper machine comes first, since it needs nothing of the host and runs the
 * image's own kernel; the others work on the host itself, as root, and are taken only for an image that no helper machine
 * can be started from. bootc-image-builder is never taken unasked: it makes its own partitions and pulls a container image.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { MakeOptions } from "../state.ts";
import type { BuildRequest, BuildResult, DiskBuilder } from "./builder.ts";
import { HelperUnfit } from "./install-plan.ts";

/** Tries the first builder, and the others in their order where the image does not suit it and the host suits them. */
export const createAutoBuilder = (
  first: DiskBuilder,
  others: readonly DiskBuilder[],
): DiskBuilder => ({
  name: "auto",
  revision: [first, ...others].reduce((sum, { revision }) => sum * 100 + revision, 0),
  limitMs: first.limitMs + Math.max(...others.map(({ limitMs }) => limitMs)),
  cost: (image) => first.cost(image),
  refuse: () => first.refuse(),
  async build(request, how) {
    try {
      return await first.build(request, how);
    } catch (error) {
      if (!(error instanceof HelperUnfit)) throw error;
      const next = await firstThatCan(others);
      if (next === null) throw error;
      how.onNote(
        `The disk of '${request.name}' was made by the builder '${next.name}': ${error.headline}`,
      );
      return buildAgain(next, request, how);
    }
  },
});

async function firstThatCan(builders: readonly DiskBuilder[]): Promise<DiskBuilder | null> {
  for (const builder of builders) if ((await builder.refuse()) === null) return builder;
  return null;
}

/** What the first one left is removed: each builder is promised an empty folder. */
async function buildAgain(
  builder: DiskBuilder,
  request: BuildRequest,
  how: MakeOptions,
): Promise<BuildResult> {
  for (const name of await readdir(request.scratch))
    await rm(join(request.scratch, name), { recursive: true, force: true });
  await rm(request.target, { force: true });
  return builder.build(request, how);
}
