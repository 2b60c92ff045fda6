import { expect, test } from "vitest";
import { sampleHost } from "../../harness/base/host-health.ts";
import { commands } from "../../harness/guest/commands.ts";
import { tooSlow } from "../../harness/guest/too-slow.ts";
import type { Machine } from "../../harness/machine/machine.ts";

test("a command that ran out of time is shown as a person would type it", async () => {
  const { headline } = await tooSlow({
    name: "candidate",
    command: commands.bootcStatus,
    timeoutMs: 1000,
    outcome: {
      stdout: "",
      stderr: "",
      exitCode: null,
      durationMs: 1000,
      truncated: false,
      timedOut: true,
      lost: null,
    },
    before: sampleHost(),
    machine: {
      accelerator: "tcg",
      console: {
        path: "console.log",
        tail: () => [],
        said: () => [],
      } as unknown as Machine["console"],
    },
    channel: null,
    timeScale: 4,
    signal: new AbortController().signal,
  });
  expect(headline).toBe(
    "'bootc status --format=json' in guest 'candidate' did not end within 1.0 s and was given up.",
  );
});
