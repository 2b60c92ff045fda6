/** The Tekton and Konflux files under docs/ci: of the right shape, and their scripts run for real against stand-ins. */
import { mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { formatPlan } from "../../harness/gate/shards/plan-formats.ts";
import { runSteps, runTask } from "./ci-runners.ts";
import {
  fanOutSchema,
  pipelineSchema,
  readCiFile,
  scenarioSchema,
  taskSchema,
} from "./ci-schemas.ts";
import { type Behaviour, bootgateCalls, createStubs, hostile } from "./ci-stubs.ts";

const files = await readdir(new URL("../../docs/ci/", import.meta.url).pathname);
const digest = `sha256:${"a".repeat(64)}`;
const inputs = {
  image: `registry.example/os@${digest}`,
  previous: `registry.example/os@sha256:${"b".repeat(64)}`,
  promoteTo: "registry.example/os:stable",
};

let workspace: Workspace;
beforeEach(async () => {
  workspace = await createWorkspace("cifiles");
});
afterEach(() => workspace[Symbol.asyncDispose]());

const commands = (calls: readonly (readonly string[])[]): string[] =>
  calls.map(([command = ""]) => command);

const testOutput = z.object({
  result: z.enum(["SUCCESS", "FAILURE", "WARNING", "SKIPPED", "ERROR"]),
  timestamp: z.iso.datetime(),
  successes: z.int().nonnegative(),
  failures: z.int().nonnegative(),
  warnings: z.int().nonnegative(),
});
const values = (more: Record<string, string> = {}): Record<string, string> => ({
  "params.image": inputs.image,
  "params.previous": inputs.previous,
  "params.promote-to": inputs.promoteTo,
  "params.bootgate-url": "https://git.example/bootgate.git",
  "workspaces.evidence.path": join(workspace.path, "evidence"),
  "workspaces.cache.path": join(workspace.path, "cache"),
  "results.TEST_OUTPUT.path": join(workspace.path, "TEST_OUTPUT"),
  ...more,
});
const runGate = async (
  behaviour: Behaviour,
  more: Record<string, string> = {},
): Promise<{
  code: number;
  calls: (readonly string[])[];
  result: string;
  /** What XDG_CACHE_HOME was for `bootgate run`. */
  caches: (string | null)[];
}> => {
  await mkdir(join(workspace.path, "evidence"), { recursive: true });
  const stubs = await createStubs(workspace.path, behaviour);
  const code = await runTask("tekton-task.yaml", stubs, workspace.path, values(more));
  const output = await readFile(join(workspace.path, "TEST_OUTPUT"), "utf8").catch(() => "null");
  const result = testOutput.nullable().parse(JSON.parse(output))?.result ?? "none";
  const all = await stubs.calls();
  const runs = all.filter(({ words }) => words[4] === "run");
  return { code, calls: bootgateCalls(all), result, caches: runs.map(({ env }) => env.cache) };
};

test("the task promotes on PROMOTE, and only decides without a tag", async () => {
  const { code, calls, result, caches } = await runGate({});
  expect([code, result]).toEqual([0, "SUCCESS"]);
  expect(caches).toEqual([join(workspace.path, "cache")]);
  expect(commands(calls)).toEqual(["run", "verdict", "report", "promote"]);
  const images = ["--candidate", inputs.image, "--previous", inputs.previous];
  expect(calls[0]?.slice(3, 7)).toEqual(
    images.map((word) => (word.startsWith("--") ? word : `docker://${word}`)),
  );
  const ends = ["--from", `docker://${inputs.image}`, "--to", inputs.promoteTo];
  expect(calls.at(-1)?.slice(2)).toEqual([...ends, "--policy", "docs/ci/gate.yaml"]);
  expect(await readdir(join(workspace.path, "evidence"))).toContain("2026-11-21T07-31-00-abcd");
});

test("without a tag to move the task only decides; without workspaces it works too", async () => {
  const none = { "workspaces.evidence.path": "", "workspaces.cache.path": "" };
  const { code, calls } = await runGate({}, { "params.promote-to": "", ...none });
  expect(code).toBe(0);
  expect(commands(calls)).toEqual(["run", "verdict", "report"]);
});

test.each([
  [1, "FAILURE"],
  [3, "ERROR"],
])("HOLD %i is said as %s, with the evidence kept and no promotion", async (verdict, said) => {
  const { code, calls, result } = await runGate({ run: verdict, verdict });
  expect([code, result]).toEqual([verdict, said]);
  expect(commands(calls)).not.toContain("promote");
  expect(await readdir(join(workspace.path, "evidence"))).toContain("2026-11-21T07-31-00-abcd");
});

test("a run that dies is an error, never a success", async () => {
  const { code, result } = await runGate({ run: "dies" });
  expect([code, result]).toEqual([2, "ERROR"]);
});

test("text from outside stays text", async () => {
  const evil = hostile.replaceAll("\n", " ");
  const given = ["image", "previous", "promote-to", "policy"];
  const { calls } = await runGate(
    {},
    Object.fromEntries(given.map((it) => [`params.${it}`, evil])),
  );
  expect(calls.map((words) => words.includes(evil))).toEqual([true, true, false, true]);
  expect(calls[0]).toEqual(expect.arrayContaining([`docker://${evil}`]));
  const left = await readdir(workspace.path, { recursive: true });
  expect(left.filter((path) => path.includes("pwned"))).toEqual([]);
});

test("a shard gets its words and its number", async () => {
  const stubs = await createStubs(workspace.path, { run: 1 });
  const out = join(workspace.path, "out");
  const given = {
    "params.arguments[*]": "--cold",
    "params.shard": "2/3",
    "workspaces.runs.path": out,
  };
  expect(await runTask("tekton-shard-task.yaml", stubs, workspace.path, given)).toBe(0);
  const words = ["run", "--cold", "--shard", "2/3", "--out", out];
  expect(bootgateCalls(await stubs.calls())).toEqual([words]);
});

test.each([
  [0, 0, 0],
  [1, 0, 0],
  [3, 1, 1],
  [2, 0, 2],
])(
  "the shards' end: merge %i and verdict %i end the task with %i",
  async (merge, verdict, expected) => {
    const stubs = await createStubs(workspace.path, { merge, verdict });
    const out = join(workspace.path, "out");
    for (const place of [1, 2])
      await mkdir(join(out, `2026-11-21T07-31-00-abcd${place}`), { recursive: true });
    await symlink("2026-11-21T07-31-00-abcd2", join(out, "latest"));
    const given = { "params.arguments[*]": "--policy=gate.yaml", "workspaces.runs.path": out };
    const code = await runTask("tekton-verdict-task.yaml", stubs, workspace.path, given);
    expect(code).toBe(expected);
    const runs = ["1", "2"].map((place) => join(out, `2026-11-21T07-31-00-abcd${place}`));
    const merged = join(out, "merged");
    const [first, second] = bootgateCalls(await stubs.calls());
    expect(first).toEqual(["merge", ...runs, "--out", merged]);
    const judged = ["verdict", join(merged, "2026-11-21T07-31-00-abcd"), "--policy=gate.yaml"];
    expect(second).toEqual(merge === 2 ? undefined : judged);
  },
);

test("the fan-out gives its tasks every param and workspace that they ask for", async () => {
  const shards = [1, 2].map((id) => ({ jobs: [{ id: `boot/${id}` }], expectedMs: 60_000 }));
  const text = formatPlan("tekton", { shards, runWords: ["--cold"], verdictWords: [] });
  const [boot, verdict] = fanOutSchema.parse(parse(text));
  const names = (list: readonly { name: string }[]): string[] => list.map(({ name }) => name);
  for (const [file, { taskRef, params, workspaces }] of [
    ["tekton-shard-task.yaml", { ...boot, params: [...boot.params, ...boot.matrix.params] }],
    ["tekton-verdict-task.yaml", verdict],
  ] as const) {
    const task = taskSchema.parse(parse(await readCiFile(file)));
    expect(taskRef.name).toBe(task.metadata.name);
    const asked = task.spec.params.filter((param) => param.default === undefined);
    expect(names(params)).toEqual(names(asked));
    expect(names(workspaces)).toEqual(names(task.spec.workspaces ?? []));
  }
  expect(verdict.runAfter).toEqual([boot.name]);
});

test("the image is picked out of the snapshot, by digest only", async () => {
  const pipeline = pipelineSchema.parse(parse(await readCiFile("konflux-pipeline.yaml")));
  const spec = pipeline.spec.tasks[0]?.taskSpec;
  if (spec === undefined) throw new Error("The first task has no steps.");
  const result = join(workspace.path, "image");
  const stubs = await createStubs(workspace.path, {});
  const pick = (containerImage: string): Promise<number> =>
    runSteps(spec, stubs, workspace.path, {
      "params.SNAPSHOT": JSON.stringify({ components: [{ name: "os", containerImage }] }),
      "params.COMPONENT": "os",
      "results.image.path": result,
    });
  expect(await pick(`registry.example:5000/os:v2@${digest}`)).toBe(0);
  expect(await readFile(result, "utf8")).toBe(`registry.example:5000/os@${digest}`);
  expect(await pick("registry.example/os:latest")).toBe(2);
  expect(await pick(hostile)).toBe(2);
});

/** "1h15m0s", as Go writes it. */
const minutes = (text: string): number => {
  const [, hours = "0", rest = "0"] = /^(?:(\d+)h)?(?:(\d+)m)?(?:0s)?$/.exec(text) ?? [];
  return Number(hours) * 60 + Number(rest);
};

test("the scenario gives the pipeline its params, and the pipeline the task", async () => {
  const scenario = scenarioSchema.parse(
    parse(await readCiFile("konflux-integration-test-scenario.yaml")),
  );
  const pipeline = pipelineSchema.parse(parse(await readCiFile("konflux-pipeline.yaml")));
  const limits = Object.values(scenario.metadata.annotations).map(minutes);
  expect(limits).toEqual([90, 85, 5]);
  expect(minutes(pipeline.spec.tasks[1]?.timeout ?? "")).toBeLessThan(limits[1] ?? 0);
  const names = (list: readonly { name: string }[]): string[] => list.map(({ name }) => name);
  const given = ["SNAPSHOT", ...names(scenario.spec.params)];
  const wanted = pipeline.spec.params.filter((one) => one.default === undefined);
  expect(given).toEqual(expect.arrayContaining(names(wanted)));
  expect(names(pipeline.spec.params)).toEqual(expect.arrayContaining(given));
  const task = taskSchema.parse(parse(await readCiFile("tekton-task.yaml")));
  const asked = task.spec.params.filter((one) => one.default === undefined);
  const passed = names(pipeline.spec.tasks[1]?.params ?? []);
  expect(passed).toEqual(expect.arrayContaining([...names(asked), "previous", "policy"]));
  expect(names(task.spec.params)).toEqual(expect.arrayContaining(passed));
  const paths = [scenario.spec.resolverRef, pipeline.spec.tasks[1]?.taskRef].map(
    (ref) => ref?.params.find(({ name }) => name === "pathInRepo")?.value ?? "",
  );
  expect(
    paths.map((path) => path.replace("docs/ci/", "")).filter((path) => !files.includes(path)),
  ).toEqual([]);
});
