/** `bootgate plan`: what would run, what is skipped and why, without booting anything. */

import { formatPlan, type PlanFormat } from "../../reports/gate/plan-formats.ts";
import { cacheRoot } from "../base/workspace.ts";
import { createQemuDriver } from "../machine/qemu/driver.ts";
import type { Job } from "../plan.ts";
import { jobFacts } from "../plan.ts";
import { prepareGate, split } from "./gate-options.ts";
import { driverOptions } from "./probe-kernel.ts";
import { imageWords, type SelectionOptions, selectJobs } from "./selection.ts";

export interface PlanOptions extends SelectionOptions {
  readonly json?: boolean;
  readonly format?: PlanFormat;
  readonly shards: number;
  readonly history?: string;
}

/** Prints one line a job, or JSON. */
export async function plan(names: readonly string[], options: PlanOptions): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const { signal } = new AbortController();
  const driver = await createQemuDriver({
    ...(await driverOptions(cacheRoot())),
    onProgress: say,
    signal,
  });
  const jobs = await selectJobs(names, options, driver, say, signal);
  if (options.format !== undefined) {
    process.stdout.write(await fanOut(options.format, names, jobs, options));
    return;
  }
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(jobs.map(jobFacts), null, 2)}\n`);
    return;
  }
  for (const job of jobs) {
    const images = Object.entries(job.images).map(([role, image]) => `${role} ${image.name}`);
    const end = job.skip === null ? images.join(", ") : `skipped: ${job.skip}`;
    process.stdout.write(`${job.skip === null ? "run " : "skip"}  ${job.id}  ${end}\n`);
  }
}

async function fanOut(
  format: PlanFormat,
  names: readonly string[],
  jobs: readonly Job[],
  options: PlanOptions,
): Promise<string> {
  const { expectedMs } = await prepareGate(jobs, options);
  const words = [
    ...names,
    ...(names.length === 0 ? ["--suite", options.suite] : []),
    ...imageWords(options),
    "--machine",
    options.machine,
    "--firmware",
    options.firmware,
    ...(options.history === undefined ? [] : ["--history", options.history]),
  ];
  const { shards } = split(jobs, options.shards, expectedMs);
  return formatPlan(format, { shards, runWords: words, verdictWords: [] });
}
