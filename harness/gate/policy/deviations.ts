/**
 * What differed from a user's boot in the jobs that decide. The log says it as it happens; what can be seen from the
 * job's own facts counts whether the log says it or not.
 */
import { type Deviation, deviation, standIn } from "../../base/deviations.ts";
import { defuseCommands, oneLine } from "../../log/clean-text.ts";
import { derivedImages } from "../../log/derived-images.ts";
import type { JobModel } from "../../log/model-schema.ts";
import type { Decision } from "../verdict/decision.ts";
import type { GatedJob } from "../verdict/gated-jobs.ts";
import type { Policy } from "./policy.ts";
import { matchesWildcard } from "./wildcard.ts";

/** Each deviation once, with the number of its jobs; what is not allowed first. */
export function deviationsOf(jobs: readonly GatedJob[], policy: Policy): Decision["deviations"] {
  const found = new Map<string, { text: string; jobs: Set<string> }>();
  for (const { job } of jobs)
    for (const { id, text } of [
      ...job.attempts.flatMap(({ deviations }) => deviations),
      ...simulatedIs(job),
      ...standInsAre(job),
      ...derivedImages(job.images),
    ]) {
      const known = found.get(id) ?? { text: defuseCommands(oneLine(text)), jobs: new Set() };
      known.jobs.add(job.id);
      found.set(id, known);
    }
  return [...found]
    .map(([id, { text, jobs: where }]) => ({
      id: defuseCommands(oneLine(id, 100)),
      text,
      allowed: policy.deviations.allow.some((pattern) => matchesWildcard(pattern, id)),
      jobs: where.size,
    }))
    .sort(
      (one, other) => Number(one.allowed) - Number(other.allowed) || (one.id < other.id ? -1 : 1),
    );
}

/** A simulated guest is not a boot of the image, whatever its log lists. */
const simulatedIs = ({ machine: { driver } }: JobModel): Deviation[] =>
  driver === "simulated" ? [deviation("simulated")] : [];

/** An image with a stand-in is not the one that users boot, also where it was only published and never booted. */
const standInsAre = ({ images }: JobModel): Deviation[] =>
  Object.values(images).flatMap(({ name, standIns }) =>
    standIns.map((program) => standIn(program, name)),
  );
