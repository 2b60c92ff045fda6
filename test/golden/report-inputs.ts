/** The files beside the sample run that reports show: a console that panics, and a picture. */
import type { ReportInputs } from "../../reports/inputs.ts";
import { panicLine } from "./report-events.ts";

const boot = Array.from(
  { length: 40 },
  (_, index) =>
    `[   ${(5 + index * 0.16).toFixed(6)}] pci 0000:00:0${index % 8}.0: BAR ${index % 6}`,
);

export const sampleInputs: ReportInputs = {
  consoles: new Map([
    [
      "jobs/boot-health/console-v2.log",
      {
        firstLineNumber: 1201,
        lines: [
          ...boot,
          "[   11.401877] List of all partitions:",
          panicLine,
          "[   11.402400] CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.17.0",
          "[   11.403001] ---[ end Kernel panic - not syncing ]---",
        ],
      },
    ],
  ]),
  screenshots: new Map([
    [
      "jobs/boot-health/v2.png",
      "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
    ],
  ]),
};
