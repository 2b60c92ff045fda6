/**
 * A live medium starts a session and installs nothing by itself, so a story that boots an installed disk is skipped on it, with
 * what to do instead; the story about live media has the medium itself.
 */
import { basename } from "node:path";
import type { Job } from "../../engine/plan.ts";
import type { DiskOptions } from "./disk-options.ts";
import { installsNothing } from "./idle-options.ts";

/** The jobs, without those that would have to install from a medium that does not. */
export const withLiveMedia = (jobs: readonly Job[], how: DiskOptions): Job[] =>
  jobs.map((job) => {
    const skip = job.skip ?? whyNotInstalled(job, how);
    return skip === job.skip ? job : { ...job, skip };
  });

function whyNotInstalled({ scenario, images }: Job, how: DiskOptions): string | null {
  const { needs } = scenario.definition;
  for (const role of needs.boots ?? needs.images) {
    const image = images[role];
    if (image !== undefined && installsNothing(image, how))
      return `The ${role} image '${basename(image.name)}' is a live medium, which installs nothing by itself: play live/session on it, or give the installer ISO of the same release, or its disk image.`;
  }
  return null;
}
