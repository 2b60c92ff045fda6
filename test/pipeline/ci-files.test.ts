/** The files under docs/ci: their shell run for real against stand-ins, and no way in it by which text becomes code. */
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { buildProgram } from "../../harness/cli/cli.ts";
import { dangersOf, scriptsOf } from "./ci-dangers.ts";
import { gitlabGate, gitlabGateFolder, runGitlab } from "./ci-gitlab.ts";
import { type Inputs, type PipelineRun, runWorkflow } from "./ci-runners.ts";
import { readCiFile } from "./ci-schemas.ts";
import { type Behaviour, bootgateCalls, createStubs, hostile, type Stubs } from "./ci-stubs.ts";

const folder = new URL("../../docs/ci/", import.meta.url).pathname;
const files = (await readdir(folder)).filter((name) => /\.ya?ml$/.test(name));
/** What bootgate itself reads; no CI does. */
const ownFiles = ["gate.yaml"];
const digest = `sha256:${"a".repeat(64)}`;
const inputs: Inputs = {
  image: `registry.example/os@${digest}`,
  previous: `registry.example/os@sha256:${"b".repeat(64)}`,
  promoteTo: "registry.example/os:stable",
  deadline: "45m",
};

let workspace: Workspace;
beforeEach(async () => {
  workspace = await createWorkspace("cifiles");
});
afterEach(() => workspace[Symbol.asyncDispose]());

interface Pipeline {
  readonly start: (stubs: Stubs, root: string, given: Inputs) => Promise<PipelineRun>;
  /** Where the job `gate` runs. */
  readonly gate: string;
  /** How its artifact names the run directories. */
  readonly keeps: string;
  /** What the CI itself makes of a value before any shell sees it. */
  readonly expands: (value: string) => string;
}
const workflow = (file: string): Pipeline => ({
  start: async (stubs, root, given) => runWorkflow(await readCiFile(file), stubs, root, given),
  gate: "gate",
  keeps: "runs/",
  expands: (value) => value,
});
const pipelines: Record<string, Pipeline> = {
  "GitHub Actions": workflow("github-actions.yml"),
  "Forgejo Actions": workflow("forgejo-actions.yml"),
  "GitLab CI": {
    start: runGitlab,
    gate: gitlabGateFolder,
    keeps: "runs/[0-9]*",
    expands: (value) => value.replaceAll("${PATH}", ""),
  },
};

async function play(
  name: string,
  behaviour: Behaviour = {},
  given: Inputs = inputs,
): Promise<{ run: PipelineRun; calls: (readonly string[])[]; stubs: Stubs; ci: Pipeline }> {
  const stubs = await createStubs(workspace.path, behaviour);
  const ci = pipelines[name];
  if (ci === undefined) throw new Error(`There is no '${name}'.`);
  const run = await ci.start(stubs, workspace.path, given);
  return { run, calls: bootgateCalls(await stubs.calls()), stubs, ci };
}

const commands = (calls: readonly (readonly string[])[]): string[] =>
  calls.map(([command = ""]) => command);

describe.each(Object.keys(pipelines))("%s", (name) => {
  test("boots, decides, keeps the evidence and promotes exactly what was tested", async () => {
    const { run, calls, stubs, ci } = await play(name);
    expect(run.jobs).toEqual({ gate: 0, promote: 0 });
    expect(commands(calls)).toEqual(["run", "verdict", "report", "promote"]);
    const images = `--candidate docker://${inputs.image} --previous docker://${inputs.previous}`;
    const rest = "--policy docs/ci/gate.yaml --deadline 45m";
    expect(calls[0]).toEqual(`run --suite gate ${images} ${rest}`.split(" "));
    const decision = "runs/2026-11-21T07-31-00-abcd/decision.json";
    const ends = ["--from", `docker://${inputs.image}`, "--to", inputs.promoteTo];
    expect(calls[3]).toEqual(["promote", decision, ...ends, "--policy", "docs/ci/gate.yaml"]);
    expect(run.kept.filter(({ isThere }) => !isThere)).toEqual([]);
    expect(run.kept.map(({ path }) => path)).toContain(ci.keeps);
    const all = await stubs.calls();
    const login = all.find(({ words }) => words[0] === "login");
    expect([login?.input, login?.words.at(-1)]).toEqual(["secret", "registry.example"]);
    expect(run.said).toContain("touch pwned");
  });

  test("without a previous image none is named, and bootgate derives it", async () => {
    const { run, calls } = await play(name, {}, { ...inputs, previous: "" });
    expect(run.jobs).toEqual({ gate: 0, promote: 0 });
    expect(calls[0]).not.toContain("--previous");
    expect(calls[0]).not.toContain("");
  });

  test.each([
    [1, 1],
    [3, 3],
  ])(
    "HOLD (run %i, verdict %i): the verdict's exit code, evidence kept, no promotion",
    async (code, verdict) => {
      const { run, calls, stubs } = await play(name, { run: code, verdict });
      expect(run.jobs).toEqual({ gate: verdict, promote: null });
      expect(commands(calls)).toEqual(["run", "verdict", "report"]);
      expect(run.kept.length).toBeGreaterThan(0);
      expect(run.kept.filter(({ isThere }) => !isThere)).toEqual([]);
      expect((await stubs.calls()).some(({ words }) => words[0] === "login")).toBe(false);
    },
  );

  test("a failure that the policy excuses does not end the job before the verdict", async () => {
    expect((await play(name, { run: 1, verdict: 0 })).run.jobs).toEqual({ gate: 0, promote: 0 });
  });

  test("a usage error ends the job at once", async () => {
    const { run, calls } = await play(name, { run: 2 });
    expect(run.jobs).toEqual({ gate: 2, promote: null });
    expect(commands(calls)).not.toContain("verdict");
  });

  test("a run that dies early is the host's fault, and not judged by what an earlier one left", async () => {
    const runs = join(workspace.path, pipelines[name]?.gate ?? "", "runs");
    const old = join(runs, "2020-01-01T00-00-00-0000");
    await mkdir(old, { recursive: true });
    for (const file of ["events.jsonl", "decision.json"]) await writeFile(join(old, file), "{}");
    await symlink("2020-01-01T00-00-00-0000", join(runs, "latest"));
    const { run } = await play(name, { run: "dies" });
    expect(run.jobs).toEqual({ gate: 3, promote: null });
  });

  test("text from outside stays text", async () => {
    const evil = hostile.replaceAll("\n", " ");
    const outside = { image: evil, previous: evil, promoteTo: evil };
    const { calls, ci } = await play(name, {}, { ...outside, deadline: evil });
    const text = ci.expands(evil);
    expect(calls[0]?.filter((word) => word === `docker://${text}`)).toHaveLength(2);
    expect(calls[0]).toContain(text);
    expect(calls.at(-1)?.slice(2, 6)).toEqual(["--from", `docker://${text}`, "--to", text]);
    const left = await readdir(workspace.path, { recursive: true });
    expect(left.filter((path) => path.includes("pwned"))).toEqual([]);
  });
});

test("GitLab's lines are for any sh: an image without bash gets that, gitlab-ci-local does not", async () => {
  const { before_script, script } = gitlabGate(await readCiFile("gitlab-ci.yml"));
  const stubs = await createStubs(workspace.path, { run: 1, verdict: 3 });
  const env = { IMAGE: inputs.image, POLICY: "p", DEADLINE: inputs.deadline };
  const words = ["sh", "-ec", [...before_script, ...script].join("\n")];
  const { exitCode } = await stubs.execute(words, { cwd: workspace.path, env });
  expect(exitCode).toBe(3);
  expect(commands(bootgateCalls(await stubs.calls()))).toEqual(["run", "verdict"]);
});

describe("the files", () => {
  const ofCis = files.filter((name) => !ownFiles.includes(name));
  test.each(ofCis)("%s has no script in which text could become code", async (name) => {
    const found = scriptsOf(parse(await readCiFile(name))).filter(
      (script) => !script.startsWith("#!/usr/bin/env node"),
    );
    if (!name.startsWith("konflux")) expect(found.length).toBeGreaterThan(0);
    const wrong = found.map((script) => ({ script, dangers: dangersOf(script) }));
    expect(wrong.filter(({ dangers }) => dangers.length > 0)).toEqual([]);
  });

  test.each([
    "echo ${{ inputs.image }}",
    "echo $(params.image)",
    'promote "$(cat runs/latest/summary.md)"',
    'eval "$IMAGE"',
    'echo "x=$IMAGE" >> "$GITHUB_ENV"',
    "skopeo copy docker://x --to $PROMOTE_TO",
  ])("the check finds: %s", (script) => {
    expect(dangersOf(script)).not.toEqual([]);
  });

  test("each is told of in the README", async () => {
    const readme = await readCiFile("README.md");
    expect(files.length).toBeGreaterThanOrEqual(9);
    expect(files.filter((name) => !readme.includes(name))).toEqual([]);
  });

  test("every option that they give to bootgate exists", async () => {
    const program = buildProgram(() => undefined);
    const texts = await Promise.all(files.map(readCiFile));
    const lines = texts.flatMap((text) => [...text.matchAll(/bootgate -- (\w+)( .*)$/gm)]);
    const wrong = lines.flatMap(([, name, rest = ""]) => {
      const command = program.commands.find((one) => one.name() === name);
      const options = [...rest.matchAll(/ (--[a-z-]+)/g)].map(([, option = ""]) => option);
      return options.filter(
        (option) => command !== undefined && !command.options.some(({ long }) => long === option),
      );
    });
    expect(lines.length).toBeGreaterThan(10);
    expect(wrong).toEqual([]);
  });
});
