/** Reports at scale: `bootgate report` on 10,000 cases with 100 MB of console, start-up of the program included. */
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { HostUnfit } from "../../harness/base/errors.ts";
import type { Bench } from "./bench-context.ts";
import { measureBootgate } from "./command.ts";
import { type Figure, figure } from "./figure.ts";
import { largeRunCases, writeLargeRun } from "./large-run.ts";

const repetitions = 3;

export const largeReport: Bench = {
  name: "reports",
  summary: "all reports of 10,000 cases with 100 MB of console",
  boots: false,
  async measure({ folder, signal }): Promise<Figure[]> {
    await writeLargeRun(folder);
    const runs: { readonly seconds: number; readonly peakMB: number }[] = [];
    for (let round = 0; round < repetitions; round++) {
      const run = await measureBootgate(["report", folder], join(folder, "peak"), signal);
      const cases = await countCases(join(folder, "junit.xml"));
      // A report that is quick because it left something out is not a measurement.
      if (run.exitCode !== 1 || cases < largeRunCases)
        throw new HostUnfit(`The report has ${cases} of ${largeRunCases} cases.`, {
          details: { "exit code": `${run.exitCode}`, said: run.stderr.slice(-1000) },
        });
      runs.push(run);
    }
    return [
      figure({
        name: "reports.seconds",
        says: "all reports, 10,000 cases, 100 MB of console",
        unit: "s",
        samples: runs.map(({ seconds }) => seconds),
        goal: { atMost: 5 },
      }),
      figure({
        name: "reports.peak",
        says: "  its peak memory",
        unit: "MB",
        samples: runs.map(({ peakMB }) => peakMB),
        goal: { atMost: 300 },
      }),
    ];
  },
};

async function countCases(path: string): Promise<number> {
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(path) }))
    count += line.split("<testcase ").length - 1;
  return count;
}
