/**
 * What each scenario has run on (`scenarios/has-run.yaml`): the newest outcome on each image by its name. Rows come from the
 * logs of runs on real machines (`npm run docs:ran`); a row for an image that has no name here is written by hand.
 */
import { z } from "zod";
import type { JobModel, RunModel } from "../../log/model-schema.ts";

const text = z.string().trim().min(1).max(200);

const row = z.strictObject({
  scenario: text,
  /** The image that was judged, by a name that another person can have too. */
  on: text,
  /** Its programs that stand in for real ones. */
  standIns: z.array(text).default([]),
  /** `kvm` or `tcg`. */
  accelerator: text,
  date: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
  outcome: z.enum(["passed", "failed"]),
  /** Version of bootgate. */
  harness: text,
});

export const hasRunSchema = z.strictObject({ version: z.literal(1), runs: z.array(row) });
export type HasRun = z.output<typeof row>;

/** Names that mean the same image to everybody: of the catalogue. A path or a registry of one host does not. */
const isCommonName = (name: string): boolean => /^[a-z0-9][\w.-]*(?::[\w.-]+)?$/.test(name);

/** What a run shows, a row a job. Jobs of simulated machines show nothing, nor do broken and odd images of the reference OS. */
export function rowsOf(model: RunModel): HasRun[] {
  return model.jobs.flatMap((job) => {
    const image = job.images.candidate;
    const { kind } = job.outcome;
    if (image === undefined || job.machine.driver === "simulated") return [];
    // What is broken, skipped or not run shows nothing of the image.
    if ((kind !== "passed" && kind !== "failed") || !isCommonName(image.name)) return [];
    if (/^reference:v\d+-/.test(image.name) || job.id.includes("#")) return [];
    return [
      {
        scenario: job.scenario,
        on: image.name,
        standIns: image.standIns,
        accelerator: acceleratorOf(job) ?? model.host.accelerator,
        date: model.startedAt.slice(0, 10),
        outcome: kind,
        harness: model.harness,
      },
    ];
  });
}

const acceleratorOf = ({ attempts }: JobModel): string | undefined =>
  attempts.at(-1)?.guests[0]?.accelerator;

const keyOf = ({ scenario, on }: HasRun): string => `${scenario} ${on}`;

/** The rows with what further runs show: of one scenario and image the newest stays. In the order of their names. */
export function withRuns(rows: readonly HasRun[], more: readonly HasRun[]): HasRun[] {
  const newest = new Map<string, HasRun>();
  for (const one of [...rows, ...more]) {
    const known = newest.get(keyOf(one));
    if (known === undefined || known.date <= one.date) newest.set(keyOf(one), one);
  }
  return [...newest.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

/** A row for people. */
const wordsOf = ({ on, standIns, accelerator, date, outcome }: HasRun): string => {
  const marked = standIns.length === 0 ? "" : ` (${standIns.join(", ")}: a stand-in)`;
  return `${outcome} on \`${on}\`${marked}, ${accelerator}, ${date}`;
};

/** Where a scenario has run, in words that also say where it has not. */
export function hasRunWords(scenario: string, rows: readonly HasRun[]): string {
  const mine = rows.filter((one) => one.scenario === scenario);
  const isReal = mine.some(
    ({ standIns, outcome }) => standIns.length === 0 && outcome === "passed",
  );
  const never = isReal
    ? []
    : [mine.length === 0 ? "never run on a machine" : "never passed on a real image"];
  return [...mine.map(wordsOf), ...never].join("; ");
}
