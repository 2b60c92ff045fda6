/**
 * The files of a run directory that are made from its events. Each is written beside its place and renamed, so a kill
 * at any moment leaves the last whole one.
 */
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { junit } from "../../reports/junit.ts";
import type { RunModel } from "../../reports/model-schema.ts";
import { renderEach } from "../../reports/render-all.ts";
import { loadReportInputs } from "./report-inputs.ts";

export interface ReportWriter {
  /** Writes junit.xml anew, soon; calls while a write goes on are merged into one. */
  renew(): void;
  /** Waits for the last renewal and writes every report. */
  finish(): Promise<void>;
}

/** Writes reports for a run that goes on. `model` gives the run so far. */
export function createReportWriter(directory: string, model: () => RunModel): ReportWriter {
  let writing: Promise<void> | null = null;
  let wanted = false;
  const renewNow = async (): Promise<void> => {
    while (wanted) {
      wanted = false;
      await writeWhole(join(directory, "junit.xml"), junit(model()));
    }
  };
  return {
    renew() {
      wanted = true;
      writing ??= renewNow().finally(() => {
        writing = null;
      });
    },
    async finish() {
      await writing;
      await writeReports(directory, model());
    },
  };
}

/** Writes every report of a run. */
export async function writeReports(
  directory: string,
  model: RunModel,
  previous?: RunModel,
): Promise<string[]> {
  const inputs = {
    ...(await loadReportInputs(directory, model)),
    ...(previous === undefined ? {} : { previous }),
  };
  const names: string[] = [];
  // One at a time: a report of a large run is large too.
  for (const [name, content] of renderEach(model, inputs)) {
    await writeWhole(join(directory, name), content);
    names.push(name);
  }
  return names;
}

async function writeWhole(path: string, content: string): Promise<void> {
  const draft = `${path}.part`;
  await writeFile(draft, content);
  await rename(draft, path);
}
