/**
 * The images of a run beside each other: a row a scenario, a column an image. Which rows differ is what a person wants to
 * see first where variants share a base, so it is found here, once for all reports.
 */
import { oneLine } from "../harness/log/clean-text.ts";
import type { JobModel, RunModel } from "../harness/log/model-schema.ts";
import { placeParts } from "../harness/log/place-parts.ts";
import { standingOf } from "../harness/log/run-model.ts";

export interface ImageRow {
  readonly scenario: string;
  /** In the order of the columns; none where the scenario was not planned, several never but in a log from elsewhere. */
  readonly cells: readonly (readonly JobModel[])[];
  /** Whether the images stand differently in it. */
  readonly differs: boolean;
}

export interface ImageTable {
  readonly columns: readonly string[];
  readonly rows: readonly ImageRow[];
}

/** How the column of a job is called: its image, its way of installing, and its machine where there are several. */
function columnOf({ cell, images, machine }: JobModel, severalMachines: boolean): string {
  const image =
    cell === undefined ? [images.candidate?.name ?? "no candidate"] : Object.values(cell);
  const on = severalMachines ? [placeParts(machine).join(" ")] : [];
  return oneLine([...image, ...on].join(" "), 60);
}

/** Null where the run has one candidate, installed in one way. */
export function imageTable({ jobs }: RunModel): ImageTable | null {
  const about = jobs.filter(
    ({ cell, images }) => cell !== undefined || images.candidate !== undefined,
  );
  const candidates = new Set(
    about.map(({ cell, images }) => JSON.stringify([cell, images.candidate?.digest])),
  );
  if (candidates.size < 2) return null;
  const severalMachines = new Set(about.map(({ machine }) => JSON.stringify(machine))).size > 1;
  const byScenario = new Map<string, Map<string, JobModel[]>>();
  const columns = new Set<string>();
  for (const job of about) {
    const column = columnOf(job, severalMachines);
    columns.add(column);
    const row = byScenario.get(job.scenario) ?? new Map<string, JobModel[]>();
    row.set(column, [...(row.get(column) ?? []), job]);
    byScenario.set(job.scenario, row);
  }
  const rows = [...byScenario].map(([scenario, row]) => {
    const cells = [...columns].map((column) => row.get(column) ?? []);
    // An image that could not be had would differ in every row, and hide those in which the others do.
    const had = cells.filter((cell) => cell.every(({ images }) => images.candidate !== undefined));
    const standings = new Set(had.map((cell) => cell.map(standingOf).join(" ")));
    return { scenario: oneLine(scenario, 60), cells, differs: standings.size > 1 };
  });
  return { columns: [...columns], rows };
}

/** `The images differ in 1 of 3 scenarios, marked ≠.` */
export function differenceWords({ rows }: ImageTable): string {
  const differing = rows.filter(({ differs }) => differs).length;
  const all = `${rows.length} ${rows.length === 1 ? "scenario" : "scenarios"}`;
  return differing === 0
    ? `The images stand alike in ${rows.length === 1 ? "the one scenario" : `all ${all}`}.`
    : `The images differ in ${differing} of ${all}, marked ≠.`;
}
