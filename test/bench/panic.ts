/**
 * How long a guest that has panicked keeps anyone waiting: from the line in its console file, seen by an observer of
 * our own, to the failed verdict in the run's log and to the end of the program.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit } from "../../harness/base/errors.ts";
import { waitFor } from "../../harness/base/wait.ts";
import type { RunEvent } from "../../harness/log/events.ts";
import type { Bench } from "./bench-context.ts";
import { bootgateArgs, timeCommand } from "./command.ts";
import { type Figure, figure } from "./figure.ts";

const panicImage = "reference:v2-panic";
const panicWords = "Kernel panic - not syncing";

interface PanicTimes {
  readonly toVerdict: number;
  readonly toExit: number;
}

/** True when a console below the folder has the panic. */
async function hasPanicked(out: string): Promise<boolean> {
  const names = await readdir(out, { recursive: true });
  const consoles = names.filter((name) => name.endsWith("console.log"));
  const texts = await Promise.all(consoles.map((name) => readFile(join(out, name))));
  return texts.some((text) => text.includes(panicWords));
}

async function verdictAt(out: string): Promise<number> {
  const text = await readFile(join(out, "latest", "events.jsonl"), "utf8");
  const events = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as RunEvent);
  const ended = events.find((event) => event.type === "job-ended");
  if (ended?.type !== "job-ended" || ended.outcome.kind !== "failed")
    throw new HostUnfit(`The run of '${panicImage}' did not end as failed.`, {
      details: { outcome: JSON.stringify(ended).slice(0, 1000) },
    });
  return Date.parse(ended.at);
}

async function measureOnce(out: string, signal: AbortSignal): Promise<PanicTimes> {
  const args = ["run", "boot/health", "--candidate", panicImage, "--cold", "--out", out];
  const ended = timeCommand(process.execPath, [...bootgateArgs, ...args], signal).then(
    (output) => ({ ...output, at: Date.now() }),
  );
  const panickedAt = await waitFor({
    what: "the panic on the console",
    probe: async () => ((await hasPanicked(out)) ? Date.now() : undefined),
    timeoutMs: 600_000,
    intervalMs: 20,
    signal,
    giveUpWhen: ended.then(({ stdout }): never => {
      throw new HostUnfit("The run ended and no panic was seen.", {
        details: { said: stdout.slice(-2000) },
      });
    }),
  });
  const { at } = await ended;
  return {
    toVerdict: ((await verdictAt(out)) - panickedAt) / 1000,
    toExit: (at - panickedAt) / 1000,
  };
}

export const panic: Bench = {
  name: "panic",
  summary: "from a panic on the console to the failed verdict",
  boots: true,
  async measure({ pairs, folder, signal, say }): Promise<Figure[]> {
    const times: PanicTimes[] = [];
    for (let round = 0; round < pairs; round++) {
      const time = await measureOnce(join(folder, `${round}`), signal);
      say(`  round ${round + 1}: ${time.toVerdict.toFixed(2)} s`);
      times.push(time);
    }
    return [
      figure({
        name: "panic.verdict",
        says: "panic line to failed verdict",
        unit: "s",
        samples: times.map(({ toVerdict }) => toVerdict),
        goal: { atMost: 2 },
      }),
      figure({
        name: "panic.exit",
        says: "  to the end of the program, all reports written",
        unit: "s",
        samples: times.map(({ toExit }) => toExit),
      }),
    ];
  },
};
