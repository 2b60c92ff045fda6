/** The most memory that the harness itself holds in a run: its Node process, without QEMU. */
import { join } from "node:path";
import { HostUnfit } from "../../harness/base/errors.ts";
import type { Bench } from "./bench-context.ts";
import { measureBootgate } from "./command.ts";
import { type Figure, figure } from "./figure.ts";
import { benchImage } from "./lab.ts";

export const harnessMemory: Bench = {
  name: "rss",
  summary: "memory of the harness in a run",
  boots: true,
  async measure({ pairs, folder, signal }): Promise<Figure[]> {
    const samples: number[] = [];
    for (let round = 0; round < pairs; round++) {
      const out = join(folder, `${round}`);
      const run = await measureBootgate(
        ["run", "boot/health", "--candidate", benchImage, "--cold", "--out", out],
        join(folder, `peak-${round}`),
        signal,
      );
      if (run.exitCode !== 0)
        throw new HostUnfit(`The run ended with exit code ${run.exitCode}.`, {
          details: { said: run.stdout.slice(-2000) },
        });
      samples.push(run.peakMB);
    }
    return [
      figure({
        name: "rss.peak",
        says: "peak memory of the harness in a run",
        unit: "MB",
        samples,
        goal: { atMost: 150 },
      }),
    ];
  },
};
