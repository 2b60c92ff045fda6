/** `bootgate list`: the scenarios, readable without running anything, and what earlier runs say of each. */

import { formatDuration } from "../../base/units.ts";
import { discoverScenarios } from "../../engine/discover.ts";
import { hardwareWords, imageWords } from "../../engine/need-words.ts";
import { type LoadedScenario, type Suite, suitesOf } from "../../engine/scenario.ts";
import { ratesOf, type ScenarioRates } from "../../gate/history/history-rates.ts";
import { defuseCommands, oneLine } from "../../log/clean-text.ts";
import { rateWords } from "../../log/job-history.ts";
import { readPast } from "../wiring/read-past.ts";

export interface ListOptions {
  readonly json?: boolean;
  /** Only the scenarios of this suite. */
  readonly suite?: Suite;
  /** History file or folder. */
  readonly history?: string;
}

/** Prints all scenarios, one a line or as JSON. */
export async function list(options: ListOptions): Promise<void> {
  const { suite } = options;
  const scenarios = ofSuite(await discoverScenarios(), suite);
  const rates = options.history === undefined ? null : await readRates(options.history);
  process.stdout.write(
    options.json === true ? listJson(scenarios, rates) : listText(scenarios, rates),
  );
}

/** The scenarios of a suite; all where none was named. */
export const ofSuite = (
  scenarios: readonly LoadedScenario[],
  suite: Suite | undefined,
): readonly LoadedScenario[] =>
  suite === undefined
    ? scenarios
    : scenarios.filter(({ definition }) => suitesOf(definition).includes(suite));

async function readRates(path: string): Promise<ScenarioRates[]> {
  return ratesOf(await readPast(path, new Date()));
}

/** The JSON of `list`. `rates` is null without a history. */
export function listJson(
  scenarios: readonly LoadedScenario[],
  rates: readonly ScenarioRates[] | null,
): string {
  const rows = scenarios.map(({ id, definition }) => ({
    id,
    summary: definition.summary,
    suites: suitesOf(definition),
    needs: definition.needs,
    start: definition.start ?? "fork",
    timeoutMinutes: definition.timeoutMinutes,
    ...(rates === null
      ? {}
      : {
          history: rates
            .filter(({ scenario }) => scenario === id)
            .map(({ scenario: _scenario, ...row }) => row),
        }),
  }));
  return `${JSON.stringify(rows, null, 2)}\n`;
}

/** The lines of `list`; with a history a table, a row for each accelerator that a scenario ran on. */
export function listText(
  scenarios: readonly LoadedScenario[],
  rates: readonly ScenarioRates[] | null,
): string {
  if (scenarios.length === 0) return "";
  const head =
    rates === null
      ? [["scenario", "suite", "min", "needs", "proves"]]
      : [["scenario", "runs", "failed or broken", "flaky", "expected", "on", "proves"]];
  const body = scenarios.flatMap(({ id, definition }) => {
    const { summary } = definition;
    if (rates === null) return [[id, ...plainCells(definition), summary]];
    const mine = rates.filter(({ scenario, ran }) => scenario === id && ran > 0);
    if (mine.length === 0) return [[id, "0", "-", "-", "-", "-", summary]];
    return mine.map((row) => [id, ...historyCells(row), summary]);
  });
  const rows = [...head, ...body];
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    return `${cells.join("  ").trimEnd()}\n`;
  });
  return defuseCommands(lines.join(""));
}

/** The smallest suite that has it, its budget with hardware acceleration, and what it needs. */
function plainCells(definition: LoadedScenario["definition"]): string[] {
  const { suite = "gate", timeoutMinutes, needs } = definition;
  const words = [imageWords(needs), hardwareWords(needs)].filter((part) => part !== "");
  return [suite, String(timeoutMinutes), words.join("; ")];
}

const historyCells = (row: ScenarioRates): string[] => [
  String(row.runs),
  rateWords(row.failed + row.broken, row.ran),
  rateWords(row.flaky, row.ran),
  row.expectedMs === null ? "-" : formatDuration(row.expectedMs),
  oneLine(row.accelerator, 40),
];
