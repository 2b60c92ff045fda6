/** `bootgate plan`: what would run, what is skipped and why, without booting anything. */

import { cacheRoot } from "../base/workspace.ts";
import { createQemuDriver } from "../machine/qemu/driver.ts";
import { jobFacts } from "../plan.ts";
import { type SelectionOptions, selectJobs } from "./selection.ts";

/** Prints one line a job, or JSON. */
export async function plan(
  names: readonly string[],
  options: SelectionOptions & { readonly json?: boolean },
): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const { signal } = new AbortController();
  const driver = await createQemuDriver({ cacheDir: cacheRoot(), onProgress: say, signal });
  const jobs = await selectJobs(names, options, driver, say, signal);
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
