/**
 * As much of the runners of GitHub, Forgejo and Tekton as the files under docs/ci use: which shell runs which lines in
 * which order, what goes on after a failure, and what the next job gets. GitLab's jobs are run by ci-gitlab.ts.
 */

import { chmod, cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import type { z } from "zod";
import { exists } from "../../harness/base/exists.ts";
import { readCiFile, taskSchema, type taskSpec, workflowShape } from "./ci-schemas.ts";
import type { Stubs } from "./ci-stubs.ts";

export interface PipelineRun {
  /** Exit code of each job; null: it was not started. */
  readonly jobs: Record<string, number | null>;
  /** What was told to be kept and whether it was there. */
  readonly kept: { path: string; isThere: boolean }[];
  /** What was shown to people: the log and the summary page. */
  said: string;
}

export interface Inputs {
  readonly image: string;
  /** Empty: derived from the candidate. */
  readonly previous: string;
  readonly promoteTo: string;
  readonly deadline: string;
}

/** Runs the text of a workflow as GitHub and Forgejo do: `bash -eo pipefail`, later steps only with `always()` after a failure. */
export async function runWorkflow(
  text: string,
  stubs: Stubs,
  root: string,
  inputs: Inputs,
): Promise<PipelineRun> {
  const workflow = workflowShape.parse(parse(text));
  const run: PipelineRun = { jobs: {}, kept: [], said: "" };
  const store = join(root, "store");
  for (const [name, job] of Object.entries(workflow.jobs)) {
    run.jobs[name] = null;
    if (job.needs !== undefined && run.jobs[job.needs] !== 0) continue;
    const cwd = join(root, name);
    await mkdir(cwd, { recursive: true });
    const known: Record<string, string> = {
      "inputs.image": inputs.image,
      "inputs.previous": inputs.previous,
      "inputs.promote-to": inputs.promoteTo,
      "inputs.deadline": inputs.deadline,
      "secrets.REGISTRY_USER": "ci",
      "secrets.REGISTRY_PASSWORD": "secret",
    };
    const fill = (some: Record<string, string> = {}): Record<string, string> =>
      Object.fromEntries(
        Object.entries(some).map(([key, value]) => [
          key,
          value.replace(/\$\{\{ (.+?) \}\}/g, (_, name: string) => {
            const filled = known[name];
            if (filled === undefined) throw new Error(`There is no '${name}'.`);
            return filled;
          }),
        ]),
      );
    const summary = join(root, `${name}-summary.md`);
    await writeFile(summary, "");
    let code = 0;
    for (const step of job.steps) {
      if (code !== 0 && step.if === undefined) continue;
      if (step.uses?.includes("/upload-artifact@") === true) {
        const paths = String(step.with?.path ?? "")
          .split("\n")
          .filter((line) => /^[^!]/.test(line));
        for (const path of paths) run.kept.push({ path, isThere: await exists(join(cwd, path)) });
        if (await exists(join(cwd, "runs"))) {
          await cp(join(cwd, "runs"), store, { recursive: true, verbatimSymlinks: true });
          await rm(join(store, "latest"), { force: true });
        }
      }
      if (step.uses?.includes("/download-artifact@") === true)
        await cp(store, join(cwd, String(step.with?.path ?? "")), { recursive: true });
      if (step.run === undefined) continue;
      const script = join(root, "step.sh");
      await writeFile(script, step.run);
      const given = { ...fill(workflow.env), ...fill(job.env), ...fill(step.env) };
      const env = { ...given, GITHUB_STEP_SUMMARY: summary };
      const bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", script];
      const { exitCode, said } = await stubs.execute(bash, { cwd, env });
      run.said += said;
      if (code === 0) code = exitCode;
    }
    run.jobs[name] = code;
    run.said += await readFile(summary, "utf8");
  }
  return run;
}

/** Runs the steps of a Task, each by its own shebang, until one fails; fills in what Tekton puts into `env` and `args`. */
export async function runTask(
  file: string,
  stubs: Stubs,
  root: string,
  values: Readonly<Record<string, string>>,
): Promise<number> {
  const { spec } = taskSchema.parse(parse(await readCiFile(file)));
  return runSteps(spec, stubs, root, values);
}

export async function runSteps(
  spec: z.infer<typeof taskSpec>,
  stubs: Stubs,
  root: string,
  values: Readonly<Record<string, string>>,
): Promise<number> {
  const fill = (value: string): string =>
    value.replace(/\$\(([^)]+)\)/g, (_, name: string) => {
      const param = spec.params.find((one) => `params.${one.name}` === name);
      const filled = values[name] ?? param?.default;
      if (filled === undefined) throw new Error(`There is no '${name}'.`);
      return filled;
    });
  for (const [place, step] of spec.steps.entries()) {
    const workingDir = step.workingDir ?? spec.stepTemplate?.workingDir ?? "/";
    const cwd = join(root, workingDir);
    await mkdir(cwd, { recursive: true }).catch(() => undefined);
    const all = [...(spec.stepTemplate?.env ?? []), ...(step.env ?? [])];
    const env = Object.fromEntries(all.map(({ name, value }) => [name, fill(value)]));
    const script = join(root, `step-${place}`);
    await writeFile(script, step.script);
    await chmod(script, 0o755);
    const { exitCode } = await stubs.execute([script, ...(step.args ?? []).map(fill)], {
      cwd,
      env,
    });
    if (exitCode !== 0) return exitCode;
  }
  return 0;
}
