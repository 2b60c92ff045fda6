/** Finds scenarios: every `.ts` file below a folder, its path being the id. */
import { readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { UsageError } from "../base/errors.ts";
import type { LoadedScenario, ScenarioDefinition } from "./scenario.ts";

/** The folder with the scenarios that come with bootgate. */
export const scenariosFolder = join(import.meta.dirname, "..", "..", "scenarios");

/** Loads all scenarios, sorted by id. Throws UsageError for a file that does not export one. */
export async function discoverScenarios(folder = scenariosFolder): Promise<LoadedScenario[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && /(?<!\.d)\.[tj]s$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return Promise.all(files.map((file) => load(folder, file)));
}

async function load(folder: string, file: string): Promise<LoadedScenario> {
  const id = relative(folder, file)
    .split(sep)
    .join("/")
    .replace(/\.[tj]s$/, "");
  const module = (await import(pathToFileURL(file).href)) as { default?: unknown };
  const definition = module.default;
  if (!isDefinition(definition)) {
    throw new UsageError(`'${file}' has no scenario as its default export.`, {
      lookAt: "CONTRIBUTING.md, 'Add a scenario'",
    });
  }
  return { id, definition };
}

function isDefinition(value: unknown): value is ScenarioDefinition<string> {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as { summary?: unknown }).summary === "string" &&
    typeof (value as { run?: unknown }).run === "function"
  );
}
