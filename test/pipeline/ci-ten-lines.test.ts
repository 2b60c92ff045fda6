/** "Gate my image in ten lines": the snippets of docs/ci/README.md held against each CI's rules, and their shell run. */
import { readdir } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import type { JobFacts } from "../../harness/log/events.ts";
import {
  checkoutAfter,
  type ImagesAtRegistry,
  konfluxParams,
  leaveRun,
  startImages,
  startTask,
} from "./ci-checkout.ts";
import { dangersOf, scriptsOf } from "./ci-dangers.ts";
import { gitlabProblems, runPipeline } from "./ci-gitlab.ts";
import { runWorkflow } from "./ci-runners.ts";
import { readCiFile, readmeYaml, scenarioSchema } from "./ci-schemas.ts";
import { type Behaviour, bootgateCalls, createStubs, hostile, type Stubs } from "./ci-stubs.ts";
import { workflowProblems } from "./ci-validators.ts";

const section = "Gate my image in ten lines";
const [github = "", forgejo = "", gitlab = "", konflux = ""] = await readmeYaml(section);
const image = `registry.example/os@sha256:${"a".repeat(64)}`;

let workspace: Workspace;
beforeEach(async () => {
  workspace = await createWorkspace("citen");
});
afterEach(() => workspace[Symbol.asyncDispose]());

interface Snippet {
  readonly text: string;
  /** Runs it; returns the exit code of its job. */
  readonly start: (stubs: Stubs, candidate: string) => Promise<number | null>;
  /** Where its runs go. */
  readonly runs: string;
  /** What the CI itself makes of a value before any shell sees it. */
  readonly expands: (value: string) => string;
}
const workflow = (text: string): Snippet => ({
  text,
  async start(stubs, candidate) {
    const none = { previous: "", promoteTo: "", deadline: "" };
    const run = await runWorkflow(text, stubs, workspace.path, { image: candidate, ...none });
    return run.jobs.gate ?? null;
  },
  runs: "runs",
  expands: (value) => value,
});
const snippets: Readonly<Record<string, Snippet>> = {
  "GitHub Actions": workflow(github),
  "Forgejo Actions": workflow(forgejo),
  "GitLab CI": {
    text: gitlab,
    async start(stubs, candidate) {
      const where = { stubs, root: workspace.path };
      const { jobs } = await runPipeline(gitlab, { IMAGE: candidate }, where);
      return jobs.gate ?? null;
    },
    runs: "../runs",
    expands: (value) => value.replaceAll("${PATH}", ""),
  },
};
const snippet = (name: string): Snippet => {
  const found = snippets[name];
  if (found === undefined) throw new Error(`There is no '${name}'.`);
  return found;
};

async function play(name: string, behaviour: Behaviour, candidate = image) {
  const stubs = await createStubs(workspace.path, behaviour);
  const code = await snippet(name).start(stubs, candidate);
  return { code, calls: bootgateCalls(await stubs.calls()) };
}

test("the README has one snippet for each CI, of ten lines", async () => {
  const all = await readmeYaml(section);
  expect(all).toHaveLength(4);
  for (const text of all) expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(10);
});

test("each CI's own rules take them", async () => {
  expect(await workflowProblems(github)).toEqual([]);
  expect(await workflowProblems(forgejo)).toEqual([]);
  const stubs = await createStubs(workspace.path, {});
  expect(await gitlabProblems(gitlab, { stubs, root: workspace.path })).toBeNull();
  scenarioSchema.parse(parse(konflux));
});

test("they install what the whole files install", async () => {
  const packages = (text: string): string[] =>
    [...text.matchAll(/install --yes (qemu[\w -]*?)(?:\n|$)/g)].map(([, list = ""]) => list);
  const files = ["github-actions.yml", "forgejo-actions.yml", "gitlab-ci.yml"];
  const lists = [github, forgejo, gitlab, ...(await Promise.all(files.map(readCiFile)))].map(
    packages,
  );
  expect(lists.flat()).toHaveLength(6);
  expect(new Set(lists.flat()).size).toBe(1);
});

describe.each(Object.keys(snippets))("%s", (name) => {
  test("boots the image and asks for the verdict", async () => {
    const { code, calls } = await play(name, {});
    const { runs } = snippet(name);
    expect(code).toBe(0);
    const out = runs === "runs" ? [] : ["--out", runs];
    expect(calls).toEqual([
      ["run", "--candidate", `docker://${image}`, ...out],
      ["verdict", `${runs}/latest`],
    ]);
  });

  test.each<[Behaviour, number]>([
    [{ run: 1 }, 1],
    [{ run: 3 }, 3],
    [{ run: 2 }, 2],
    [{ run: "dies" }, 3],
    [{ run: 0, verdict: 3 }, 3],
  ])("%o ends the job with %i", async (behaviour, expected) => {
    expect((await play(name, behaviour)).code).toBe(expected);
  });

  test("text from outside stays text", async () => {
    const scripts = scriptsOf(parse(snippet(name).text));
    expect(scripts.length).toBeGreaterThanOrEqual(4);
    expect(scripts.flatMap(dangersOf)).toEqual([]);
    const evil = hostile.replaceAll("\n", " ");
    const { calls } = await play(name, {}, evil);
    expect(calls[0]?.[2]).toBe(`docker://${snippet(name).expands(evil)}`);
    const left = await readdir(workspace.path, { recursive: true });
    expect(left.filter((path) => path.includes("pwned"))).toEqual([]);
  });
});

describe("with the real command line and images at a real registry", () => {
  let images: ImagesAtRegistry;
  beforeAll(async () => {
    images = await startImages();
  });
  afterAll(() => images[Symbol.asyncDispose]());

  const startKonflux = async (stubs: Stubs): Promise<number> =>
    startTask(stubs, workspace.path, await konfluxParams(konflux, images.inputs.image));
  const starts: Readonly<Record<string, (stubs: Stubs) => Promise<unknown>>> = {
    ...Object.fromEntries(
      Object.entries(snippets).map(([name, { start }]) => [
        name,
        (stubs: Stubs) => start(stubs, images.inputs.image),
      ]),
    ),
    Konflux: startKonflux,
  };

  test.each(Object.keys(starts))(
    "the words of %s play the whole suite, and a green run is promoted",
    async (name) => {
      const checkout = await checkoutAfter(workspace.path, async (stubs) => starts[name]?.(stubs));
      const given = checkout.words("run").filter((word) => !["--out", "../runs"].includes(word));
      const plan = await checkout.bootgate([
        ...["plan", ...given, "--tls-verify", "false", "--json"],
      ]);
      expect(plan.exitCode, plan.stderr).toBe(0);
      const jobs = JSON.parse(plan.stdout) as JobFacts[];
      expect(jobs.filter(({ skip }) => skip !== undefined)).toEqual([]);
      expect(jobs.length).toBeGreaterThanOrEqual(7);
      const words = checkout.words("verdict").map((word) => word.replace("../runs", "runs"));
      await leaveRun(checkout, jobs);
      const green = await checkout.bootgate(["verdict", ...words]);
      expect([green.exitCode, green.stdout]).toEqual([0, expect.stringMatching(/^PROMOTE /)]);
      await leaveRun(checkout, jobs, { "composefs/root": "not-run" });
      expect((await checkout.bootgate(["verdict", ...words])).exitCode).toBe(3);
    },
  );

  test("Konflux hears the verdict of the pipeline that its scenario names", async () => {
    const { spec } = scenarioSchema.parse(parse(konflux));
    const path = spec.resolverRef.params.find(({ name }) => name === "pathInRepo")?.value;
    expect(path).toBe("docs/ci/konflux-pipeline.yaml");
    const results = [];
    for (const verdict of [0, 1, 3])
      results.push(
        await startKonflux(await createStubs(workspace.path, { run: verdict, verdict })),
      );
    expect(results).toEqual([0, 1, 3]);
  });
});
