/**
 * Rates from the history: how often scenarios and jobs fail and flake, and how long they take. Accelerators are kept
 * apart throughout: what runs out of time under emulation says nothing of a host that has none of it to do.
 */
import { groupBy } from "../../base/group-by.ts";
import type { JobHistory, Rates } from "../../log/job-history.ts";
import type { RunModel } from "../../log/model-schema.ts";
import type { Standing } from "../../log/run-model.ts";
import { acceleratorOf } from "../../log/run-model.ts";
import { expectedMsOf, type HistoryLine } from "./history.ts";

/** A rate needs many runs to mean something. */
const runsOfScenario = 100;
/** Beside a failure only the recent past helps: the image and the scenario were others before. */
const runsOfJob = 30;

export interface ScenarioRates extends Rates {
  readonly scenario: string;
  readonly accelerator: string;
}

/** Rates of each scenario on each accelerator, over its newest runs, in order of both. Lines are oldest first. */
export function ratesOf(
  lines: readonly HistoryLine[],
  { maxRuns = runsOfScenario }: { readonly maxRuns?: number } = {},
): ScenarioRates[] {
  const groups = groupBy(lines, ({ scenario, accelerator }) => `${scenario} ${accelerator}`);
  return [...groups.values()]
    .flatMap((mine) => {
      const [first] = mine;
      if (first === undefined) return [];
      const { scenario, accelerator } = first;
      return [{ scenario, accelerator, ...rates(newest(mine, maxRuns)) }];
    })
    .sort(
      (one, other) =>
        compare(one.scenario, other.scenario) || compare(one.accelerator, other.accelerator),
    );
}

/**
 * What the runs that began before this one say of each of its jobs, by id. Later ones are left out, so that reports
 * that are made again say what they said. Empty where nothing ran before: a column of zeros tells nothing.
 */
export function jobHistories(
  lines: readonly HistoryLine[],
  model: RunModel,
  { maxRuns = runsOfJob }: { readonly maxRuns?: number } = {},
): Map<string, JobHistory> {
  const begin = Date.parse(model.startedAt);
  const earlier = lines.filter(({ at }) => Date.parse(at) < begin);
  if (earlier.length === 0) return new Map();
  const groups = groupBy(earlier, ({ job, accelerator }) => `${job} ${accelerator}`);
  return new Map(
    model.jobs.map((job) => {
      const accelerator = acceleratorOf(model, job);
      const mine = newest(groups.get(`${job.id.slice(0, 500)} ${accelerator}`) ?? [], maxRuns);
      return [job.id, { accelerator, ...rates(mine), failingFor: failingFor(mine) }];
    }),
  );
}

const didRun = ({ standing }: HistoryLine): boolean =>
  standing !== "skipped" && standing !== "notRun";
const isBad = ({ standing }: HistoryLine): boolean =>
  standing === "failed" || standing === "broken";

/** The lines of the newest runs in which something ran. */
function newest(lines: readonly HistoryLine[], maxRuns: number): HistoryLine[] {
  const ran = lines.filter(didRun);
  const runs = new Set([...new Set(ran.map(({ run }) => run))].slice(-maxRuns));
  return ran.filter(({ run }) => runs.has(run));
}

function rates(ran: readonly HistoryLine[]): Rates {
  const count = (standing: Standing): number =>
    ran.filter((line) => line.standing === standing).length;
  const [failed, broken, flaky] = [count("failed"), count("broken"), count("flaky")];
  const share = (some: number): number => (ran.length === 0 ? 0 : some / ran.length);
  return {
    runs: new Set(ran.map(({ run }) => run)).size,
    ran: ran.length,
    failed,
    broken,
    flaky,
    failureRate: share(failed + broken),
    flakeRate: share(flaky),
    expectedMs: expectedMsOf(ran),
  };
}

const failingFor = (ran: readonly HistoryLine[]): number =>
  ran.length - 1 - ran.findLastIndex((line) => !isBad(line));

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
