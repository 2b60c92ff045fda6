/** GitLab's part of the tests: gitlab-ci-local checks a pipeline by GitLab's own schema and runs its jobs on this host. */
import { readdir, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { Inputs, PipelineRun } from "./ci-runners.ts";
import { readCiFile } from "./ci-schemas.ts";
import type { Stubs } from "./ci-stubs.ts";

/** It is made for Node 22; this method is what Node 20 lacks of that. */
const gap = "Set.prototype.union ??= function (more) { return new Set([...this, ...more]); };";
const program = [
  process.execPath,
  "--import",
  `data:text/javascript,${encodeURIComponent(gap)}`,
  createRequire(import.meta.url).resolve("gitlab-ci-local"),
];

/** A folder in which it keeps what it makes; each job runs in a folder of its own in `builds`. */
const state = ".gitlab-ci-local";
export const gitlabGateFolder = join(state, "builds/gate");

async function execute(
  text: string,
  options: readonly string[],
  { stubs, root }: { readonly stubs: Stubs; readonly root: string },
): Promise<{ exitCode: number; said: string }> {
  await writeFile(join(root, ".gitlab-ci.yml"), text);
  const env = { HOME: root, FORCE_COLOR: "0" };
  return stubs.execute([...program, ...options], { cwd: root, env });
}

/** What is wrong with a pipeline by GitLab's schema and by what jobs need of each other; null: nothing. */
export async function gitlabProblems(
  text: string,
  where: { readonly stubs: Stubs; readonly root: string },
): Promise<string | null> {
  const { exitCode, said } = await execute(text, ["--list-json"], where);
  return exitCode === 0 ? null : said;
}

export interface GitlabRun {
  /** Exit code of each job that was started. */
  readonly jobs: Record<string, number>;
  /** The jobs that make the pipeline red: those that failed and were not allowed to. */
  readonly red: readonly string[];
  readonly said: string;
}

/** Runs a whole pipeline, each job with nothing but the artifacts that it gets from others. */
export async function runPipeline(
  text: string,
  variables: Readonly<Record<string, string>>,
  where: { readonly stubs: Stubs; readonly root: string },
): Promise<GitlabRun> {
  const given = Object.entries(variables).flatMap((pair) => ["--variable", pair.join("=")]);
  // Its schema has a test of its own; without it a run takes half as long.
  const options = ["--force-shell-executor", "--shell-isolation", "--no-artifacts-to-source"];
  const every = [...options, "--no-json-schema-validation", ...given];
  const { said } = await execute(text, every, where);
  // Its own exit code does not look at `allow_failure: exit_codes`; its word for each job does.
  const ends = said.matchAll(/^(\S.*?)\s+finished in [\d.]+ \w+(?:\s+([A-Z]+) (\d+))?\s*$/gm);
  const jobs = [...ends]
    .map(([, name = "", word, code]) => ({ name, word, code: Number(code ?? 0) }))
    .filter(({ name }) => name !== "pipeline");
  return {
    jobs: Object.fromEntries(jobs.map(({ name, code }) => [name, code])),
    red: jobs.filter(({ word }) => word === "FAIL").map(({ name }) => name),
    said,
  };
}

const lines = z.array(z.string());
const file = z.object({
  gate: z.object({
    before_script: lines,
    script: lines,
    artifacts: z.object({ paths: lines, reports: z.object({ junit: z.string() }) }),
  }),
});

/** What the tests read of docs/ci/gitlab-ci.yml beside running it. */
export const gitlabGate = (text: string): z.infer<typeof file>["gate"] =>
  file.parse(parse(text)).gate;

/** Runs docs/ci/gitlab-ci.yml. */
export async function runGitlab(stubs: Stubs, root: string, inputs: Inputs): Promise<PipelineRun> {
  const text = await readCiFile("gitlab-ci.yml");
  const variables = {
    IMAGE: inputs.image,
    PREVIOUS: inputs.previous,
    PROMOTE_TO: inputs.promoteTo,
    DEADLINE: inputs.deadline,
    REGISTRY_USER: "ci",
    REGISTRY_PASSWORD: "secret",
  };
  const { jobs, said } = await runPipeline(text, variables, { stubs, root });
  const { paths, reports } = gitlabGate(text).artifacts;
  const store = join(root, state, "artifacts/gate");
  // Node 20 has no glob of its own; of all that one may say only this is used.
  const stored = await readdir(join(store, "runs")).catch(() => []);
  const dated = stored.find((name) => /^[0-9]/.test(name)) ?? "no run";
  const isThere = (path: string): Promise<boolean> =>
    stat(join(store, path.replace("[0-9]*", dated))).then(
      () => true,
      () => false,
    );
  return {
    jobs: { gate: jobs.gate ?? null, promote: jobs.promote ?? null },
    kept: await Promise.all(
      [...paths, reports.junit].map(async (path) => ({ path, isThere: await isThere(path) })),
    ),
    said,
  };
}
