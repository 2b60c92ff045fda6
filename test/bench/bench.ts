/**
 * `npm run bench`: measures and prints, never asserts. Speeds differ from host to host and from hour to hour, so a test
 * of them would only teach people to ignore red; the goals stand beside the figures instead. docs/BENCHMARKS.md says
 * what each means.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { BootgateError, messageOf, reportError, UsageError } from "../../harness/base/errors.ts";
import { createWorkspace, removeDeadWorkspaces } from "../../harness/base/workspace.ts";
import { onInterrupt } from "../../harness/cli/terminal/interrupt.ts";
import type { Bench, BenchContext } from "./bench-context.ts";
import { type Figure, meetsGoal } from "./figure.ts";
import { firstCommandBench } from "./first-command.ts";
import { forkMemory } from "./fork-memory.ts";
import { harnessMemory } from "./harness-memory.ts";
import { hostFacts, loadNow } from "./host-facts.ts";
import { largeReport } from "./large-report.ts";
import { overhead } from "./overhead.ts";
import { panic } from "./panic.ts";
import { startUp } from "./start-up.ts";
import { table } from "./table.ts";

/** Short ones first, so that a person who looks early sees something. */
const benches: readonly Bench[] = [
  startUp,
  largeReport,
  panic,
  harnessMemory,
  forkMemory,
  firstCommandBench,
  overhead,
];

interface Options {
  readonly chosen: readonly Bench[];
  readonly pairs: number;
  readonly json: string | undefined;
}

function readOptions(args: readonly string[]): Options {
  const names = benches.map(({ name }) => name).join(", ");
  const { values } = parse(args);
  const pairs = Number(values.pairs);
  if (!Number.isSafeInteger(pairs) || pairs < 1)
    throw new UsageError(`Expected --pairs to be a whole number from 1, got '${values.pairs}'.`);
  const wanted = values.only ?? [];
  const unknown = wanted.find((only) => !benches.some(({ name }) => name === only));
  if (unknown !== undefined)
    throw new UsageError(`There is no benchmark '${unknown}'. There are: ${names}.`);
  const chosen = benches.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  return { chosen, pairs, json: values.json };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: "string", multiple: true },
        pairs: { type: "string", default: "3" },
        json: { type: "string" },
      },
    });
  } catch (cause) {
    throw new UsageError(messageOf(cause), { cause });
  }
}

/** Measures one benchmark; what cannot be measured is said and leaves the others to go on. */
async function measureOne(bench: Bench, context: BenchContext): Promise<Figure[] | null> {
  context.say(`${bench.name}: ${bench.summary} (load ${loadNow()}) …`);
  await mkdir(context.folder);
  try {
    return await bench.measure(context);
  } catch (error) {
    if (context.signal.aborted) throw error;
    const words = error instanceof BootgateError ? error.message : reportError(error).stack;
    context.say(`'${bench.name}' could not be measured: ${words}`);
    return null;
  }
}

/** 0 when everything was measured, goals met or not; 3 when something could not be. */
async function main(args: readonly string[]): Promise<number> {
  const { chosen, pairs, json } = readOptions(args);
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  using interrupt = onInterrupt(say);
  const { signal } = interrupt;
  await removeDeadWorkspaces();
  await using workspace = await createWorkspace("bench");
  const boots = chosen.some((bench) => bench.boots);
  const host = await hostFacts({ boots, say, signal });
  const figures: Figure[] = [];
  const unmeasured: string[] = [];
  for (const bench of chosen) {
    const folder = join(workspace.path, bench.name);
    const measured = await measureOne(bench, { pairs, folder, say, signal });
    if (measured === null) unmeasured.push(bench.name);
    figures.push(...(measured ?? []));
  }
  const rows = { ...host, "load at the end": loadNow() };
  const width = Math.max(...Object.keys(rows).map((label) => label.length));
  for (const [label, text] of Object.entries(rows))
    process.stdout.write(`${label.padEnd(width)}  ${text}\n`);
  process.stdout.write(`\n${table(figures)}`);
  if (unmeasured.length > 0) process.stdout.write(`Not measured: ${unmeasured.join(", ")}\n`);
  if (json !== undefined) {
    const rated = figures.map((figure) => ({ ...figure, met: meetsGoal(figure) }));
    await writeFile(
      json,
      `${JSON.stringify({ host: rows, figures: rated, unmeasured }, null, 2)}\n`,
    );
  }
  return unmeasured.length === 0 ? 0 : 3;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const known = error instanceof BootgateError;
  process.stderr.write(`${known ? error.message : reportError(error).stack}\n`);
  process.exitCode = known && error.blame === "caller" ? 2 : 3;
}
