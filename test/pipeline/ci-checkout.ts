/**
 * What the files under docs/ci give to bootgate, word by word, and a real registry with tiny images for these words to
 * name. There the real command line takes the place of the stand-in.
 */
import { cp, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { startRegistry } from "../../fixtures/registry-process.ts";
import { attemptCommand, type CommandOutput, runCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import type { JobFacts, RunEvent } from "../../harness/log/events.ts";
import { makeCandidate } from "../contract/support/candidate.ts";
import { root } from "../contract/support/command.ts";
import { type Fate, smallEvents } from "../golden/gate-runs.ts";
import { at } from "../golden/report-events.ts";
import { runGitlab } from "./ci-gitlab.ts";
import { type Inputs, runTask, runWorkflow } from "./ci-runners.ts";
import { pipelineSchema, readCiFile, scenarioSchema } from "./ci-schemas.ts";
import { bootgateCalls, createStubs, type Stubs } from "./ci-stubs.ts";

/** A registry without TLS that has a candidate and a previous image, and what a person would give to a CI for them. */
export interface ImagesAtRegistry extends AsyncDisposable {
  readonly inputs: Inputs;
  /** What a tag of the repository stands for; null: nothing. */
  readonly digestOf: (tag: string) => Promise<string | null>;
}

export async function startImages(): Promise<ImagesAtRegistry> {
  const workspace = await createWorkspace("ciimages");
  const registry = await startRegistry(workspace.path, new AbortController().signal);
  const host = `127.0.0.1:${registry.port}`;
  const push = async (tag: string): Promise<string> => {
    const layout = join(workspace.path, tag);
    const { digest } = await makeCandidate(layout);
    const options = ["--quiet", "--preserve-digests", "--dest-tls-verify=false"];
    const ends = [`oci:${layout}:v1`, `docker://${host}/os:${tag}`];
    await runCommand("skopeo", ["--insecure-policy", "copy", ...options, ...ends]);
    return `${host}/os@${digest}`;
  };
  const image = await push("candidate");
  const previous = await push("previous");
  return {
    inputs: { image, previous, promoteTo: `${host}/os:stable`, deadline: "45m" },
    async digestOf(tag) {
      const headers = { accept: "application/vnd.oci.image.manifest.v1+json" };
      const answer = await fetch(`http://${host}/v2/os/manifests/${tag}`, { headers });
      await answer.arrayBuffer();
      return answer.ok ? answer.headers.get("docker-content-digest") : null;
    },
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await workspace[Symbol.asyncDispose]();
    },
  };
}

/** Runs docs/ci/tekton-task.yaml with these params and no workspaces. */
export const startTask = (
  stubs: Stubs,
  folder: string,
  params: Readonly<Record<string, string>>,
): Promise<number> =>
  runTask("tekton-task.yaml", stubs, folder, {
    ...Object.fromEntries(Object.entries(params).map(([name, value]) => [`params.${name}`, value])),
    "workspaces.evidence.path": "",
    "workspaces.cache.path": "",
    "results.TEST_OUTPUT.path": join(folder, "TEST_OUTPUT"),
  });

/** What Konflux's pipeline makes of the params of a scenario for the same task, with this image picked. */
export async function konfluxParams(text: string, image: string): Promise<Record<string, string>> {
  const scenario = scenarioSchema.parse(parse(text));
  const { spec } = pipelineSchema.parse(parse(await readCiFile("konflux-pipeline.yaml")));
  const known = new Map([
    ...spec.params.map((param) => [param.name, param.default ?? ""] as const),
    ...scenario.spec.params.map(({ name, value }) => [name, value] as const),
  ]);
  const gate = spec.tasks.find(({ name }) => name === "gate");
  const filled = (gate?.params ?? []).map(({ name, value }) => {
    const [, param] = /^\$\(params\.(.+)\)$/.exec(value) ?? [];
    return [name, param === undefined ? image : (known.get(param) ?? "")];
  });
  return Object.fromEntries(filled);
}

type Start = (stubs: Stubs, folder: string, inputs: Inputs) => Promise<unknown>;
/** Every CI, started with stand-ins for npm and skopeo. */
export const starts: Readonly<Record<string, Start>> = {
  "github-actions.yml": async (stubs, folder, inputs) =>
    runWorkflow(await readCiFile("github-actions.yml"), stubs, folder, inputs),
  "forgejo-actions.yml": async (stubs, folder, inputs) =>
    runWorkflow(await readCiFile("forgejo-actions.yml"), stubs, folder, inputs),
  "gitlab-ci.yml": runGitlab,
  // A TaskRun of one's own, without a previous image.
  "tekton-task.yaml": (stubs, folder, { image, promoteTo }) =>
    startTask(stubs, folder, {
      image,
      "promote-to": promoteTo,
      "bootgate-url": "https://git.example/bootgate.git",
    }),
  "konflux-pipeline.yaml": async (stubs, folder, { image, previous, promoteTo }) => {
    const text = await readCiFile("konflux-integration-test-scenario.yaml");
    const params = await konfluxParams(text, image);
    return startTask(stubs, folder, { ...params, previous, "promote-to": promoteTo });
  },
};

export interface Checkout {
  readonly path: string;
  /** The words after `bootgate run`, `bootgate verdict` and `bootgate promote`. */
  readonly words: (command: string) => readonly string[];
  /** The real command line, in the checkout, with a cache of its own. */
  readonly bootgate: (words: readonly string[]) => Promise<CommandOutput>;
}

/** Starts a CI's file and makes the checkout that it would have at its step `Boot`. */
export async function checkoutOf(name: string, folder: string, inputs: Inputs): Promise<Checkout> {
  const start = starts[name];
  if (start === undefined) throw new Error(`There is no '${name}'.`);
  return checkoutAfter(folder, (stubs) => start(stubs, folder, inputs));
}

/** The same for what is started here. */
export async function checkoutAfter(
  folder: string,
  start: (stubs: Stubs) => Promise<unknown>,
): Promise<Checkout> {
  const stubs = await createStubs(folder, {});
  await start(stubs);
  const calls = bootgateCalls(await stubs.calls());
  const path = join(folder, "checkout");
  await mkdir(join(path, "docs"), { recursive: true });
  await cp(join(root, "docs", "ci"), join(path, "docs", "ci"), { recursive: true });
  const program = join(root, "harness", "setup", "start.js");
  const env = { XDG_CACHE_HOME: join(folder, "cache") };
  return {
    path,
    words: (command) => calls.find(([first]) => first === command)?.slice(1) ?? [],
    bootgate: (words) =>
      attemptCommand(process.execPath, [program, ...words], { cwd: path, env, timeoutMs: 60_000 }),
  };
}

/** A megabyte with an MBR of one partition. */
export function tinyDisk(): Buffer {
  const disk = Buffer.alloc(1024 * 1024);
  disk.set([0x80, 0, 2, 0, 0x83, 0, 0, 0], 446);
  disk.writeUInt32LE(1, 454);
  disk.writeUInt32LE(100, 458);
  disk.set([0x55, 0xaa], 510);
  return disk;
}

/** What a guest of such a run differs by. */
const deviations = ["credentials", "insecure-registry", "fork", "overlay-disk", "disk-built"];

/** Writes the run that `bootgate run` would have left: what the plan skipped is skipped, the rest passed unless told. */
export async function leaveRun(
  { path }: Checkout,
  jobs: readonly JobFacts[],
  fates: Readonly<Record<string, Fate>> = {},
  deviates: readonly string[] = [],
): Promise<void> {
  const full = jobs.find(({ images }) => images.previous !== undefined);
  const fateOf = ({ scenario, skip }: JobFacts): Fate =>
    fates[scenario] ?? (skip === undefined ? "passed" : "skipped");
  const more = (job: string): RunEvent[] =>
    [...deviations, ...deviates].map((id) => ({ type: "deviation", at: at(1), job, id, text: id }));
  const events = smallEvents({
    fates: Object.fromEntries(jobs.map((job) => [job.scenario, fateOf(job)])),
    facts: { images: full?.images ?? {} },
    more,
  });
  const name = "2026-11-21T07-31-00-abcd";
  await rm(join(path, "runs"), { recursive: true, force: true });
  await mkdir(join(path, "runs", name), { recursive: true });
  await symlink(name, join(path, "runs", "latest"));
  const lines = events.map((event) => `${JSON.stringify(event)}\n`);
  await writeFile(join(path, "runs", name, "events.jsonl"), lines.join(""));
}
