/**
 * When an image was last run for real on this host: one small file in the cache for each name of the catalogue and each
 * digest, written at the end of a run in which a guest of it booted and a job passed or failed. A memory for people; nothing decides by it.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { makeFolder } from "../../base/make-folder.ts";
import { writeWhole } from "../../base/write-whole.ts";
import type { JobModel, RunModel } from "../../log/model-schema.ts";

const imageRun = z.object({
  version: z.literal(1),
  name: z.string().max(500),
  digest: z.string().max(100),
  /** When the run began. */
  at: z.iso.datetime(),
  run: z.string().max(300),
  passed: z.number().int().nonnegative(),
  failed: z.number().int().nonnegative(),
});

export type ImageRun = z.infer<typeof imageRun>;

const pathOf = (cacheDir: string, name: string): string =>
  join(
    cacheDir,
    "image-runs",
    `${createHash("sha256").update(name).digest("hex").slice(0, 32)}.json`,
  );

/** What a run shows of each of the names, or digests: jobs that passed or failed on a guest that booted. Broken ones show nothing. */
export function imageRunsOf(model: RunModel, names: readonly string[]): ImageRun[] {
  return names.flatMap((name) => {
    const mine = model.jobs.filter((job) => isRunOf(job, name));
    const count = (kind: string): number =>
      mine.filter(({ outcome }) => outcome.kind === kind).length;
    const [passed, failed] = [count("passed"), count("failed")];
    const digest = mine[0]?.images.candidate?.digest;
    if (digest === undefined || passed + failed === 0) return [];
    return [{ version: 1, name, digest, at: model.startedAt, run: model.run, passed, failed }];
  });
}

const isRunOf = ({ images: { candidate }, outcome, attempts, machine }: JobModel, name: string) =>
  (candidate?.digest === name || candidate?.name.replace(/@sha256:.*$/, "") === name) &&
  (outcome.kind === "passed" || outcome.kind === "failed") &&
  machine.driver !== "simulated" &&
  attempts.some(({ guests, bootStages }) => guests.length + bootStages.length > 0);

/** Remembers them. A cache that cannot be written to does not fail the run. */
export async function recordImageRuns(
  model: RunModel,
  names: readonly string[],
  cacheDir: string,
): Promise<void> {
  const runs = imageRunsOf(model, names);
  if (runs.length === 0) return;
  try {
    await makeFolder(join(cacheDir, "image-runs"));
    for (const run of runs)
      await writeWhole(pathOf(cacheDir, run.name), `${JSON.stringify(run)}\n`);
  } catch {
    // It is told again by the next run.
  }
}

/** The last run of an image here; null for one that was not run, or whose memory cannot be read. */
export async function lastImageRun(name: string, cacheDir: string): Promise<ImageRun | null> {
  try {
    const text = await readFile(pathOf(cacheDir, name), "utf8");
    return imageRun.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** `2026-11-21: 7 passed, 1 failed`, or `not yet run`. */
export const imageRunWords = (run: ImageRun | null): string =>
  run === null
    ? "not yet run"
    : `${run.at.slice(0, 10)}: ${run.passed} passed, ${run.failed} failed`;
