/**
 * A live medium starts a session and installs nothing by itself, so a story that boots an installed disk is skipped on it, with
 * what to do instead; the story about live media has the medium itself.
 */
import { basename } from "node:path";
import { type Image, isLiveMedium } from "../../../images/image.ts";
import type { Job } from "../../engine/plan.ts";
import { type InstallOptions, whatInstalls } from "./install-options.ts";

/** The jobs, without those that would have to install from a medium that does not. */
export const withLiveMedia = (jobs: readonly Job[], how: InstallOptions): Job[] =>
  jobs.map((job) => {
    const skip = job.skip ?? whyNotInstalled(job, how);
    return skip === job.skip ? job : { ...job, skip };
  });

function whyNotInstalled({ scenario, images }: Job, how: InstallOptions): string | null {
  const { needs } = scenario.definition;
  for (const role of needs.boots ?? needs.images) {
    const image = images[role];
    if (image !== undefined && installsNothing(image, how))
      return `The ${role} image '${basename(image.name)}' is a live medium, which installs nothing by itself: play live/session on it, or give the installer ISO of the same release, or its disk image.`;
  }
  return null;
}

const installsNothing = (image: Image, how: InstallOptions): boolean => {
  const { installer, disk } = image;
  if (installer === undefined || disk !== null || !isLiveMedium(installer)) return false;
  return whatInstalls({ ...image, installer }, how) === null;
};
