/**
 * What a job needs before its clock starts: the states that its guests are forked from, and the images that its
 * registry serves. Whatever fails here is told by the job itself when it asks for it.
 */
import type { Image } from "../../images/image.ts";
import type { Turn } from "../states/states.ts";
import { type BootPlan, behindOf, stateFor } from "./boot.ts";
import type { Job } from "./plan.ts";

export interface PrepareOptions {
  readonly runDirectory: string;
  /** Makes images ready to be served, so that no scenario waits for it. */
  readonly serve: (images: readonly Image[]) => Promise<void>;
  /** Waits for the job's number in the queue. */
  readonly turn: Turn;
}

/** Returns when all is there or has failed. Never throws. */
export async function prepareJob(job: Job, plan: BootPlan, options: PrepareOptions): Promise<void> {
  const { needs } = job.scenario.definition;
  const named = (roles: readonly string[]): [string, Image][] =>
    roles.flatMap((role) => {
      const image = job.images[role];
      return image === undefined ? [] : [[role, image]];
    });
  const { runDirectory, turn, serve } = options;
  const states = named(needs.boots ?? needs.images).map(async ([name, image]) => {
    const bootable = await preparedDisk(plan, image, { turn, job: job.id });
    if (bootable.disk === null) return;
    const behind = behindOf(plan, image);
    const state = await stateFor(plan, { name, image: bootable, runDirectory, behind });
    if (state !== null) await plan.states.prepare(state, turn, job.id);
  });
  const served = named(needs.publishes ?? []).map(([, image]) => image);
  await Promise.allSettled([...states, served.length === 0 ? undefined : serve(served)]);
}

/** The image with its disk; without one where that could not be made, which the job tells. */
async function preparedDisk(
  { disks, states, firmware }: BootPlan,
  image: Image,
  { turn, job }: { readonly turn: Turn; readonly job: string },
): Promise<Image> {
  const state = (await disks?.stateOf(image, firmware)) ?? null;
  if (state === null || disks === undefined) return image;
  await states.prepare(state, turn, job);
  return (await state.isMade()) ? disks.withDisk(image, firmware) : image;
}
