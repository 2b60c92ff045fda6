/** `bootgate plan`: what would run, what is skipped and why, without booting anything. */

import { UsageError } from "../../base/errors.ts";
import { requireCache } from "../../base/places.ts";
import { maskSecrets } from "../../base/secrets.ts";
import { durationWord } from "../../base/units.ts";
import type { Job } from "../../engine/plan.ts";
import { jobFacts } from "../../engine/plan.ts";
import { carriesWords, formatPlan, type PlanFormat } from "../../gate/shards/plan-formats.ts";
import { oneLine } from "../../log/clean-text.ts";
import { cardMoveLines } from "../wiring/card-moves.ts";
import { checkInstallFiles } from "../wiring/check-kickstart.ts";
import { chooseJobs, withMatrixDrivers } from "../wiring/choose-jobs.ts";
import { diskWords } from "../wiring/disk-options.ts";
import {
  type GateFiles,
  type GateOptions,
  loadGate,
  prepareGate,
  split,
} from "../wiring/gate-options.ts";
import { readMatrix } from "../wiring/matrix-file.ts";
import { openDrivers } from "../wiring/open-drivers.ts";
import { imageWords, type ManyOptions } from "../wiring/selection.ts";
import { loadCatalogues } from "../wiring/session.ts";

export interface PlanOptions extends ManyOptions, Omit<GateOptions, "shard"> {
  readonly json?: boolean;
  readonly format?: PlanFormat;
  readonly shards: number;
  /** For the runs that are planned, as they are. */
  readonly retries: number;
  readonly deadline?: number;
}

/** Prints one line a job, or JSON. */
export async function plan(names: readonly string[], options: PlanOptions): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`${maskSecrets(line)}\n`);
  const { signal } = new AbortController();
  const files = await loadGate(options, new Date());
  refuseLostWords(options);
  refuseSecrets(names, options);
  const matrix = await readMatrix(options, () => loadCatalogues(options));
  await requireCache();
  await checkInstallFiles(options, say, signal);
  const drivers = await openDrivers(withMatrixDrivers(options, matrix), say, signal);
  const jobs = await chooseJobs(names, options, { matrix, drivers, say, signal });
  await prepareGate(jobs, files);
  if (options.format !== undefined) {
    process.stdout.write(fanOut(options.format, names, jobs, files, options, say));
    return;
  }
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(jobs.map(jobFacts), null, 2)}\n`);
    return;
  }
  for (const job of jobs) {
    const images = Object.entries(job.images).map(([role, image]) => `${role} ${image.name}`);
    const [word, end] =
      job.skip !== null
        ? ["skip", `skipped: ${job.skip}`]
        : job.unavailable !== undefined
          ? ["lack", `broken: ${job.unavailable.headline}`]
          : ["run ", images.join(", ")];
    process.stdout.write(`${word}  ${job.id}  ${oneLine(end, 500)}\n`);
  }
  for (const line of cardMoveLines(jobs, drivers)) process.stdout.write(`${line}\n`);
}

/** An option that nothing of the output would hold is told, not dropped: a gate would be another than was asked for. */
function refuseLostWords({ format, ...options }: PlanOptions): void {
  const { policy, known, history, deadline, retries } = options;
  const given: readonly [string, boolean][] = [
    ["--deadline", deadline !== undefined],
    ["--retries", retries !== 0],
    ["--policy", policy !== undefined],
    ["--known", known !== undefined],
    ["--history", history !== undefined],
  ];
  const words = given.flatMap(([word, isGiven]) => (isGiven ? [word] : []));
  if (format === undefined || carriesWords(format) || words.length === 0) return;
  throw new UsageError(`The matrix of --format ${format} holds shards and no options.`, {
    details: {
      given: words.join(", "),
      "to do": `give ${words.length === 1 ? "it" : "them"} to \`bootgate run\` in the workflow itself, and --policy and --known also to \`bootgate verdict\``,
    },
    lookAt: "docs/ci/README.md, 'Many machines'",
  });
}

function fanOut(
  format: PlanFormat,
  names: readonly string[],
  jobs: readonly Job[],
  { history }: GateFiles,
  options: PlanOptions,
  say: (line: string) => void,
): string {
  const { shards } = split(jobs, options.shards, history ?? []);
  const idle = shards.filter((shard) => shard.jobs.every((job) => job.isSkipped)).length;
  if (idle > 0) say(`${idle} of ${shards.length} shards have nothing to run: the rest is skipped.`);
  const { runWords, verdictWords } = plannedWords(names, options);
  return formatPlan(format, { shards, runWords, verdictWords });
}

/** A pipeline is a file that people read, and one without the query of an address would fetch something else. */
function refuseSecrets(names: readonly string[], options: PlanOptions): void {
  if (options.format === undefined || !carriesWords(options.format)) return;
  const { runWords } = plannedWords(names, options);
  const secret = runWords.find((word) => maskSecrets(word) !== word);
  if (secret === undefined) return;
  throw new UsageError("A pipeline does not hold addresses with a query or a password.", {
    details: {
      address: secret,
      "to do": "download it in a step of the workflow itself, and name the file",
    },
  });
}

/** The words of the runs that are planned, and of the verdict on them. */
export function plannedWords(
  names: readonly string[],
  options: PlanOptions,
): { readonly runWords: readonly string[]; readonly verdictWords: readonly string[] } {
  const { policy, known, history, deadline, retries } = options;
  const shared = [...optional("--policy", policy), ...optional("--known", known)];
  const runWords = [
    ...names,
    ...(names.length === 0 ? ["--suite", options.suite] : []),
    ...imageWords(options),
    ...diskWords(options),
    "--machine",
    options.machine.join(","),
    "--firmware",
    options.firmware.join(","),
    ...(options.tpm === true && options.tpmState === undefined ? ["--tpm"] : []),
    ...optional("--history", history),
    ...shared,
    ...optional("--deadline", deadline === undefined ? undefined : durationWord(deadline)),
    ...optional("--retries", retries === 0 ? undefined : String(retries)),
  ];
  return { runWords, verdictWords: shared };
}

const optional = (word: string, value: string | undefined): string[] =>
  value === undefined ? [] : [word, value];
