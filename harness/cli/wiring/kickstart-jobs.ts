/**
 * Stories that are about one kickstart command get disks that are installed by it, whatever the run takes otherwise; where
 * the person or the ISO says which kickstart is used, such a story is skipped with that reason.
 */
import type { KickstartCommand } from "../../../fixtures/kickstart.ts";
import type { Job } from "../../engine/plan.ts";
import { whyNotKnown } from "./anaconda-release.ts";
import type { DiskMaker, DiskOptions } from "./disk-options.ts";
import { whatInstalls } from "./install-options.ts";

export interface KickstartJobOptions {
  /** Options of the run for the disks of these jobs. */
  readonly how: DiskOptions;
  /** Makes disks in a way of its own; absent where nothing is going to boot. */
  readonly disksFor?: ((options: DiskOptions) => DiskMaker | undefined) | undefined;
}

/** The jobs, each with disks by the command that its story is about. */
export function withKickstartCommands(
  jobs: readonly Job[],
  { how, disksFor }: KickstartJobOptions,
): Job[] {
  const makers = new Map<string, DiskMaker | undefined>();
  return jobs.map((planned) => {
    const job = how.kickstart === undefined ? planned : withoutCarried(planned);
    const command = job.scenario.definition.needs.kickstart;
    if (command === undefined || job.skip !== null) return job;
    const skip = whyNotMade(job, command, how);
    if (skip !== null) return { ...job, skip };
    if (!makers.has(command))
      makers.set(command, disksFor?.({ ...how, kickstartCommand: command }));
    return { ...job, disks: makers.get(command) };
  });
}

/** A person's kickstart may install another image than the ISO carries. */
function withoutCarried(job: Job): Job {
  const { candidate } = job.images;
  const installer = candidate?.installer;
  if (candidate === undefined || installer?.carries === undefined) return job;
  const told = { ...candidate, installer: { ...installer, carries: undefined } };
  return { ...job, images: { ...job.images, candidate: told } };
}

/** Why no kickstart with the command is made for a job, or null. */
function whyNotMade(
  { images: { candidate } }: Job,
  command: KickstartCommand,
  how: DiskOptions,
): string | null {
  const { kickstart, kickstartCommand } = how;
  if (kickstart !== undefined) return "The kickstart that was named decides how it is installed.";
  if (kickstartCommand !== undefined && kickstartCommand !== command)
    return `It is about the kickstart command ${command}, and --kickstart-command says ${kickstartCommand}.`;
  const installer = candidate?.installer;
  if (candidate === undefined || installer === undefined) return null;
  const notKnown = whyNotKnown(installer, command, how.kickstartLayout);
  if (notKnown !== null || kickstartCommand !== undefined) return notKnown;
  const what = whatInstalls({ ...candidate, installer }, how);
  if (what === "iso")
    return "The ISO has a kickstart of its own, which decides how it is installed.";
  return what === null
    ? "The ISO does not carry an image in /container that a kickstart could be made for, and --candidate-oci does not name one."
    : null;
}
