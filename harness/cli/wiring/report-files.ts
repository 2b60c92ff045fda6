/**
 * The files of a run directory that are made from its events. Each is written beside its place and renamed, so a kill
 * at any moment leaves the last whole one.
 */
import { realpath } from "node:fs/promises";
import { join, relative } from "node:path";
import type { ReportInputs } from "../../../reports/inputs.ts";
import { junit } from "../../../reports/junit.ts";
import { renderEach } from "../../../reports/render-all.ts";
import { HostUnfit, messageOf } from "../../base/errors.ts";
import { draftName, removeDeadDrafts, writeWhole } from "../../base/write-whole.ts";
import type { ReportWriter } from "../../engine/execute.ts";
import type { HistoryLine } from "../../gate/history/history.ts";
import { jobHistories } from "../../gate/history/history-rates.ts";
import { withKnownOf } from "../../gate/known/known-of-decision.ts";
import type { RunModel } from "../../log/model-schema.ts";
import { loadReportInputs } from "./report-inputs.ts";

/** Writes reports for a run that goes on. `model` gives the run so far, `history` the runs before it where there is one. */
export function createReportWriter(
  directory: string,
  model: () => RunModel,
  history?: readonly HistoryLine[],
): ReportWriter {
  let writing: Promise<void> | null = null;
  let wanted = false;
  const renewNow = async (): Promise<void> => {
    while (wanted) {
      wanted = false;
      try {
        const attachmentBase = await attachmentBaseOf(directory);
        await writeWhole(join(directory, "junit.xml"), junit(model(), { attachmentBase }));
      } catch {
        // A full disk may have room again when the run ends: the run goes on, and `finish` tries again and tells.
      }
    }
    // In one turn with the last look at `wanted`, so that no call falls between the two.
    writing = null;
  };
  return {
    renew() {
      wanted = true;
      writing ??= renewNow();
    },
    async finish() {
      await writing;
      const run = model();
      const past = history === undefined ? {} : { history: jobHistories(history, run) };
      await writeReports(directory, run, past);
    },
  };
}

/** What reports tell beside the run and its directory. */
export type OtherRuns = Pick<ReportInputs, "previous" | "history">;

export interface WrittenReports {
  readonly names: readonly string[];
  /** The run as the reports show it: with the known failures that only the decision beside it met. */
  readonly shown: RunModel;
}

/** Writes every report of a run. One that cannot be written does not keep the others from it; HostUnfit tells at the end. */
export async function writeReports(
  directory: string,
  model: RunModel,
  others: OtherRuns = {},
): Promise<WrittenReports> {
  await removeDeadDrafts(directory);
  const attachmentBase = await attachmentBaseOf(directory);
  const inputs = { ...(await loadReportInputs(directory, model)), ...others, attachmentBase };
  const shown = withKnownOf(inputs.decision, model);
  const names: string[] = [];
  const failures: { readonly name: string; readonly cause: unknown }[] = [];
  // One at a time: a report of a large run is large too.
  for (const [name, content] of renderEach(shown, inputs)) {
    await writeWhole(join(directory, name), content).then(
      () => names.push(name),
      (cause: unknown) => failures.push({ name, cause }),
    );
  }
  const [first] = failures;
  if (first !== undefined)
    throw unwritable(
      directory,
      failures.map(({ name }) => name),
      first.cause,
    );
  return { names, shown };
}

const unwritable = (directory: string, names: readonly string[], cause: unknown): HostUnfit =>
  new HostUnfit(`'${directory}' cannot take ${names.join(", ")}: ${messageOf(cause)}.`, { cause });

/**
 * What is put before an attachment's path in JUnit. GitLab takes paths below the project, Jenkins those and absolute
 * ones, each with its own variable for where the project is; without one it is where the command was given.
 */
export async function attachmentBaseOf(
  directory: string,
  { CI_PROJECT_DIR, WORKSPACE }: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const project = await realpath(CI_PROJECT_DIR ?? WORKSPACE ?? ".").catch(() => process.cwd());
  // `runs/latest` is a link; and `merge` writes into a draft that takes its own name when it is whole.
  const run = (await realpath(directory)).replace(draftName, "");
  const below = relative(project, run);
  return below === "" || below === ".." || below.startsWith("../") ? `${run}/` : `${below}/`;
}
