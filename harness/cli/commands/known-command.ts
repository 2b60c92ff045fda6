/** `bootgate known`: each known failure with how often it was met, and which ones have outlived their excuse. */

import { join } from "node:path";
import { exists } from "../../base/exists.ts";
import type { ExitCode } from "../../base/exit-code.ts";
import { packageRoot } from "../../base/package-root.ts";
import { loadYaml } from "../../config/load-yaml.ts";
import { nearestWord } from "../../config/nearest.ts";
import { discoverScenarios } from "../../engine/discover.ts";
import { countKnown, type KnownCount } from "../../gate/known/known-counts.ts";
import {
  type KnownFailures,
  knownFailuresSchema,
  noKnownFailures,
} from "../../gate/known/known-failures.ts";
import { checkKnown } from "../../gate/policy/check-policy.ts";
import { readJudgedRun } from "../../gate/verdict/read-run.ts";
import { defuseCommands, oneLine } from "../../log/clean-text.ts";
import type { RunModel } from "../../log/model-schema.ts";
import { readPast } from "../wiring/read-past.ts";
import { distinctRuns } from "../wiring/run-directories.ts";

export interface KnownOptions {
  readonly known?: string;
  readonly history?: string;
  /** Runs without a hit after which an entry is stale; 10 unless told. */
  readonly staleAfter?: number;
  readonly json?: boolean;
}

/** The list of known failures and where it is. The built-in list may be missing; one that was named may not. */
export async function loadKnown(
  path: string | undefined,
): Promise<{ readonly list: KnownFailures; readonly path: string }> {
  const file = path ?? join(packageRoot, "scenarios", "known-failures.yaml");
  if (path === undefined) {
    const isThere = await exists(file);
    if (!isThere) return { list: noKnownFailures, path: file };
  }
  return { list: await loadYaml(file, knownFailuresSchema), path: file };
}

/** Prints the counts over the runs and the history. */
export async function known(
  runDirectories: readonly string[],
  options: KnownOptions,
): Promise<ExitCode> {
  const now = new Date();
  const { signal } = new AbortController();
  const { list, path } = await loadKnown(options.known);
  const scenarios = await discoverScenarios();
  checkKnown(
    list,
    {
      scenarios: scenarios.map(({ id, definition }) => ({ id, needs: definition.needs })),
      now,
      nearest: nearestWord,
    },
    `'${path}'`,
  );
  const runs: RunModel[] = [];
  for (const directory of await distinctRuns(runDirectories))
    runs.push((await readJudgedRun(directory, { signal, mayBeKilled: true })).model);
  const history = options.history === undefined ? [] : await readPast(options.history, now);
  const counts = countKnown({
    known: list,
    history,
    runs,
    now,
    ...(options.staleAfter === undefined ? {} : { staleAfter: options.staleAfter }),
  });
  process.stdout.write(options.json === true ? knownJson(counts) : knownText(counts));
  return 0;
}

function knownJson(counts: readonly KnownCount[]): string {
  const rows = counts.map(({ entry, ...count }) => ({ ...entry, ...count }));
  return `${JSON.stringify(rows, null, 2)}\n`;
}

function knownText(counts: readonly KnownCount[]): string {
  if (counts.length === 0) return "No failure is known.\n";
  const lines = counts.map(({ state, hits, runsSince, entry }) => {
    const where = oneLine([entry.scenario, entry.step].filter(Boolean).join(" › "));
    const count = `${hits} ${hits === 1 ? "hit" : "hits"}`;
    const since = runsSince === 1 ? "the last run" : `the last ${runsSince} runs`;
    const stale = state === "stale" ? `, none in ${since}` : "";
    return `${state.padEnd(7)}  ${count}${stale}  ${where}  until ${entry.until}  ${entry.tracker}`;
  });
  return `${defuseCommands(lines.join("\n"))}\n`;
}
