/** Lines of a made-up history. */
import type { HistoryLine } from "../../harness/gate/history/history.ts";

/** Run number `run` of a job, an hour after the one before it. */
export const line = (
  run: number,
  standing: HistoryLine["standing"],
  seconds: number,
  more: Partial<HistoryLine> = {},
): HistoryLine => ({
  version: 1,
  at: new Date(Date.UTC(2026, 10, 1, run)).toISOString(),
  run: `run-${run}`,
  job: "boot/health@qemu-x86_64-uefi",
  scenario: "boot/health",
  image: "reference:v2",
  digest: "sha256:2",
  accelerator: "tcg",
  standing,
  durationMs: seconds * 1000,
  attempts: 1,
  ...more,
});
