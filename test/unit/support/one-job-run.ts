/** The first event of a run with one job of boot/health, for tests of what is made from events. */
import type { EventOf } from "../../../harness/log/events.ts";

export const at = "2026-11-21T10:00:00.000Z";

export function runStarted(
  job: string,
  images: EventOf<"run-started">["jobs"][number]["images"] = {},
): EventOf<"run-started"> {
  return {
    type: "run-started",
    at,
    version: 1,
    run: "r",
    harness: "0",
    host: { name: "h", kernel: "k", qemu: null, accelerator: "tcg", cpus: 2, memoryMiB: 1 },
    command: [],
    jobs: [
      {
        id: job,
        scenario: "boot/health",
        summary: "s",
        images,
        machine: { driver: "qemu", architecture: "x86_64", firmware: "uefi" },
        repeat: "again",
      },
    ],
  };
}
