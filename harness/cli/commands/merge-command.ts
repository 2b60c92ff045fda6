/** `bootgate merge`: one run directory from those of all shards, evidence included, with every report made again. */

import { constants } from "node:fs";
import { cp, lstat, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { summary } from "../../../reports/summary.ts";
import { UsageError } from "../../base/errors.ts";
import { exists } from "../../base/exists.ts";
import type { ExitCode } from "../../base/exit-code.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { draftOf, removeDeadDrafts } from "../../base/write-whole.ts";
import { unusableOut } from "../../engine/run-directory.ts";
import { mergeShards, type ShardLog } from "../../gate/shards/merge.ts";
import { readShardLog } from "../../gate/verdict/read-run.ts";
import { foldRun } from "../../log/run-model.ts";
import { writeReports } from "../wiring/report-files.ts";
import { distinctRuns } from "../wiring/run-directories.ts";
import { exitCodeOf } from "./run-command.ts";

export interface MergeOptions {
  /** Folder for the merged run's directory. */
  readonly out: string;
}

/** Merges shards and returns the merged run's exit code. Throws UsageError when they do not belong together. */
export async function merge(
  runDirectories: readonly string[],
  { out }: MergeOptions,
): Promise<ExitCode> {
  const { signal } = new AbortController();
  const directories = await distinctRuns(runDirectories);
  const logs: ShardLog[] = [];
  for (const directory of directories) logs.push(await readShardLog(directory, signal));
  const run = mergedName(logs);
  const events = mergeShards(logs, run);
  const model = foldRun(events);
  const target = join(out, run);
  const already = new UsageError(`'${target}' is there already: these shards were merged before.`);
  if (await exists(target)) throw already;
  await removeDeadDrafts(out);
  const draft = draftOf(target);
  await makeFolder(draft).catch((error: unknown) => {
    throw unusableOut(out, error);
  });
  let names: readonly string[];
  try {
    for (const directory of directories) await copyEvidence(directory, draft);
    const text = events.map((event) => `${JSON.stringify(event)}\n`).join("");
    await writeFile(join(draft, "events.jsonl"), text);
    ({ names } = await writeReports(draft, model));
    await rename(draft, target).catch((error: NodeJS.ErrnoException) => {
      throw error.code === "ENOTEMPTY" || error.code === "EEXIST" ? already : error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  process.stdout.write(`${summary(model)}\n`);
  process.stdout.write(`Merged ${logs.length} shards into ${target}: ${names.join(", ")}\n`);
  return exitCodeOf(model);
}

/** Named after its first shard, so that merged runs sort by time like others. */
function mergedName(logs: readonly ShardLog[]): string {
  const names = logs.flatMap(({ events: [first] }) =>
    first?.type === "run-started" ? [first.run] : [],
  );
  const earliest = names.sort()[0] ?? "run";
  return `${earliest.replace(/[^A-Za-z0-9._-]/g, "_").replace(/^\.+/, "_")}-merged`;
}

/** Folders only: they hold the jobs' evidence, while files are reports that are made again. Links are left out. */
async function copyEvidence(from: string, to: string): Promise<void> {
  const entries = await readdir(from, { withFileTypes: true });
  for (const { name } of entries.filter((entry) => entry.isDirectory()))
    await cp(join(from, name), join(to, name), {
      recursive: true,
      force: false,
      mode: constants.COPYFILE_FICLONE,
      filter: async (source) => isPlain(source),
    });
}

async function isPlain(path: string): Promise<boolean> {
  const facts = await lstat(path).catch(() => null);
  return facts !== null && (facts.isFile() || facts.isDirectory());
}
