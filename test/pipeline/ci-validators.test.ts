/** The files under docs/ci and what `bootgate plan` writes, held against the validators of those that made the CIs. */
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { attemptCommand } from "../../harness/base/process.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { type FanOut, formatPlan } from "../../harness/gate/shards/plan-formats.ts";
import { type GitlabRun, gitlabProblems, runPipeline } from "./ci-gitlab.ts";
import { readCiFile, readmeYaml } from "./ci-schemas.ts";
import { type Behaviour, bootgateCalls, createStubs } from "./ci-stubs.ts";
import { workflowProblems } from "./ci-validators.ts";

let workspace: Workspace;
beforeEach(async () => {
  workspace = await createWorkspace("civalid");
});
afterEach(() => workspace[Symbol.asyncDispose]());

/** A mutation that changes nothing would prove nothing. */
function mutate(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`There is no '${from}' to change.`);
  return text.replace(from, to);
}

const [workflowSnippet = "", gitlabSnippet = ""] = await readmeYaml("Many machines");

const fanOut: FanOut = {
  shards: [1, 2].map((id) => ({ jobs: [{ id: `boot/${id}` }], expectedMs: 60_000 })),
  runWords: ["--suite", "gate", "--candidate", "it's one"],
  verdictWords: [],
};

describe("GitHub's parser", () => {
  test.each(["github-actions.yml", "forgejo-actions.yml"])("takes %s", async (name) => {
    expect(await workflowProblems(await readCiFile(name))).toEqual([]);
  });

  test.each([
    ["timeout-minutes:", "timeout-minuets:", /Line: 45.*Unexpected value 'timeout-minuets'/],
    ["inputs.image", "input.image", /Unrecognized named-value: 'input'/],
    ["secrets.REGISTRY_USER", "matrix[secrets", /Line: 112.*Unexpected symbol: 'EOF'/],
    ["always()", "allways()", /Unrecognized function: 'allways'/],
    ["needs: gate", "needs: gaet", /'promote' depends on unknown job 'gaet'/],
    ["contents: read", "contents: raed", /Unexpected value 'raed'/],
    ["required: true", "required: perhaps", /Unexpected value 'perhaps'/],
    ["workflow_dispatch:", "workflow_dispatched:", /Unexpected value 'workflow_dispatched'/],
  ])("refuses %s as %s", async (from, to, expected) => {
    const problems = await workflowProblems(
      mutate(await readCiFile("github-actions.yml"), from, to),
    );
    expect(problems.join("\n")).toMatch(expected);
  });

  test.each(["github", "forgejo"] as const)("takes the matrix of --format %s", async (format) => {
    const matrix = formatPlan(format, fanOut).trim();
    expect(await workflowProblems(workflowSnippet)).toEqual([]);
    const from = `\${{ fromJSON(needs.plan.outputs.matrix) }}`;
    expect(await workflowProblems(mutate(workflowSnippet, from, matrix))).toEqual([]);
    const broken = mutate(
      workflowSnippet,
      from,
      mutate(matrix, '"include":[', '"include":["1/2",'),
    );
    expect((await workflowProblems(broken)).join("\n")).toMatch(
      /'MappingToken' was expected|Unexpected/,
    );
  });
});

describe("GitLab's schema, in gitlab-ci-local", () => {
  const problems = async (text: string): Promise<string | null> => {
    const stubs = await createStubs(workspace.path, {});
    return gitlabProblems(text, { stubs, root: workspace.path });
  };

  test("takes gitlab-ci.yml", async () => {
    expect(await problems(await readCiFile("gitlab-ci.yml"))).toBeNull();
  });

  test("takes the child pipeline of --format gitlab and the jobs of the README that start it", async () => {
    expect(await problems(formatPlan("gitlab", fanOut))).toBeNull();
    expect(await problems(gitlabSnippet)).toBeNull();
  });

  test.each([
    ["after_script:", "after_scrpt:", /'after_scrpt' property is not expected to be here/],
    ["when: always", "when: allways", /'when' property must be one of/],
    ["junit:", "junitt:", /'junitt' property is not expected to be here/],
    ["- job: gate", "- job: gaet", /needs: \[gaet\] for promote could not be found/],
    ["stage: promote", "stage: promtoe", /stage:promtoe not found for promote/],
  ])("refuses %s as %s", async (from, to, expected) => {
    expect(await problems(mutate(await readCiFile("gitlab-ci.yml"), from, to))).toMatch(expected);
  });

  test("refuses a mistake in the child pipeline", async () => {
    const child = mutate(formatPlan("gitlab", fanOut), "exit_codes:", "exit_code:");
    expect(await problems(child)).toMatch(/allow_failure/);
  });
});

test.each([
  ["gitlab-ci.yml", () => readCiFile("gitlab-ci.yml"), "gate"],
  ["--format gitlab", async () => formatPlan("gitlab", fanOut), "bootgate"],
] as const)(
  "the artifacts of %s are of each run once, not again by the link",
  async (_, text, job) => {
    const run = "runs/2026-11-21T07-31-00-abcd";
    await mkdir(join(workspace.path, run), { recursive: true });
    await writeFile(join(workspace.path, run, "junit.xml"), "");
    await symlink("2026-11-21T07-31-00-abcd", join(workspace.path, "runs/latest"));
    const { paths, reports } = parse(await text())[job].artifacts;
    // Of all that GitLab's patterns can say the shell means the same by `*` and `[0-9]`.
    const matched = async (pattern: string): Promise<string[]> => {
      const { stdout } = await attemptCommand("bash", ["-c", `compgen -G "$1"`, "-", pattern], {
        cwd: workspace.path,
      });
      return stdout.split("\n").filter((line) => line !== "");
    };
    expect(await Promise.all(paths.map(matched))).toEqual([[run]]);
    expect(await matched(reports.junit)).toEqual([`${run}/junit.xml`]);
  },
);

describe("the child pipeline of --format gitlab, run by gitlab-ci-local", () => {
  const run = async (
    behaviour: Behaviour,
  ): Promise<GitlabRun & { readonly calls: (readonly string[])[] }> => {
    const stubs = await createStubs(workspace.path, behaviour);
    const text = formatPlan("gitlab", fanOut);
    const ran = await runPipeline(text, {}, { stubs, root: workspace.path });
    return { ...ran, calls: bootgateCalls(await stubs.calls()) };
  };

  test("boots every shard and judges what all of them left; a failure that is excused leaves it green", async () => {
    const { jobs, red, said, calls } = await run({ run: 1, verdict: 0 });
    expect(jobs, said).toEqual({
      "bootgate: [1/2]": 1,
      "bootgate: [2/2]": 1,
      "bootgate-verdict": 0,
    });
    expect(red).toEqual([]);
    const booted = calls
      .slice(0, 2)
      .toSorted(([, ...a], [, ...b]) => (a.join() < b.join() ? -1 : 1));
    const words = ["run", "--suite", "gate", "--candidate", "it's one", "--shard"];
    expect(booted).toEqual(["1/2", "2/2"].map((shard) => [...words, shard, "--out", "runs"]));
    const runs = ["1", "2"].map((shard) => `runs/2026-11-21T07-31-00-abcd${shard}`);
    expect(calls.slice(2)).toEqual([
      ["merge", ...runs, "--out", "merged"],
      ["verdict", "merged/2026-11-21T07-31-00-abcd"],
    ]);
  });

  test("is red on HOLD", async () => {
    expect((await run({ run: 1, verdict: 1 })).red).toEqual(["bootgate-verdict"]);
  });

  test("is red when a shard's command line is wrong", async () => {
    const { red } = await run({ run: 2, verdict: 0 });
    expect([...red].sort()).toEqual(["bootgate: [1/2]", "bootgate: [2/2]"]);
  });
});
