/** `npm run docs:ran -- RUN_DIRECTORY…`: writes into `scenarios/has-run.yaml` what runs on machines have shown. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { packageRoot } from "../../base/package-root.ts";
import { loadYaml } from "../../config/load-yaml.ts";
import { discoverScenarios } from "../../engine/discover.ts";
import { readEvents } from "../../log/read-events.ts";
import { foldRunFrom } from "../../log/run-model.ts";
import { hasRunSchema, rowsOf, withRuns } from "./has-run.ts";

const path = join(packageRoot, "scenarios", "has-run.yaml");
const { runs } = await loadYaml(path, hasRunSchema);
const { signal } = new AbortController();
let rows = runs;
for (const directory of process.argv.slice(2))
  rows = withRuns(
    rows,
    rowsOf(await foldRunFrom(readEvents(join(directory, "events.jsonl"), { signal }))),
  );
const ids = (await discoverScenarios()).map(({ id }) => id);
rows = rows.filter(({ scenario }) => ids.includes(scenario));
const comment = (await readFile(path, "utf8"))
  .split("\n")
  .filter((line) => line.startsWith("#"))
  .join("\n");
await writeFile(path, `${comment}\n${stringify({ version: 1, runs: rows })}`);
