/**
 * What the files under docs/ci give to bootgate, word by word, and the checkout in which it meets them: tiny images where
 * skopeo and curl were told to put them. There the real command line takes the place of the stand-in.
 */
import { createHash } from "node:crypto";
import { cp, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { attemptCommand, type CommandOutput } from "../../harness/base/process.ts";
import type { JobFacts, RunEvent } from "../../harness/log/events.ts";
import { root } from "../contract/support/command.ts";
import { type Fate, smallEvents } from "../golden/gate-runs.ts";
import { at } from "../golden/report-events.ts";
import { runGitlab } from "./ci-gitlab.ts";
import { type Inputs, runTask, runWorkflow } from "./ci-runners.ts";
import { pipelineSchema, readCiFile, scenarioSchema } from "./ci-schemas.ts";
import { bootgateCalls, type Call, createStubs, type Stubs } from "./ci-stubs.ts";

export const inputs: Inputs = {
  image: `registry.example/os@sha256:${"a".repeat(64)}`,
  previous: `registry.example/os@sha256:${"b".repeat(64)}`,
  previousDisk: "https://disks.example/os.qcow2.zst",
  promoteTo: "registry.example/os:stable",
  deadline: "45m",
};

/** Params of docs/ci/tekton-task.yaml as a TaskRun of one's own gives them. */
const taskRun: Readonly<Record<string, string>> = {
  image: inputs.image,
  previous: inputs.previous,
  "previous-disk": inputs.previousDisk,
  "promote-to": inputs.promoteTo,
  "bootgate-url": "https://git.example/bootgate.git",
};

const startTask = (stubs: Stubs, folder: string, params: Readonly<Record<string, string>>) =>
  runTask("tekton-task.yaml", stubs, folder, {
    ...Object.fromEntries(Object.entries(params).map(([name, value]) => [`params.${name}`, value])),
    "workspaces.evidence.path": "",
    "workspaces.cache.path": "",
    "results.TEST_OUTPUT.path": join(folder, "TEST_OUTPUT"),
  });

/** What Konflux's pipeline makes of the scenario's params for the same task. */
async function konfluxParams(): Promise<Record<string, string>> {
  const scenario = scenarioSchema.parse(
    parse(await readCiFile("konflux-integration-test-scenario.yaml")),
  );
  const { spec } = pipelineSchema.parse(parse(await readCiFile("konflux-pipeline.yaml")));
  const known = new Map([
    ...spec.params.map((param) => [param.name, param.default ?? ""] as const),
    ...scenario.spec.params.map(({ name, value }) => [name, value] as const),
  ]);
  const gate = spec.tasks.find(({ name }) => name === "gate");
  const filled = (gate?.params ?? []).map(({ name, value }) => {
    const [, param] = /^\$\(params\.(.+)\)$/.exec(value) ?? [];
    return [name, param === undefined ? inputs.image : (known.get(param) ?? "")];
  });
  return Object.fromEntries(filled);
}

/** Every CI, started with stand-ins for npm, skopeo and curl. */
export const starts: Readonly<Record<string, (stubs: Stubs, folder: string) => Promise<unknown>>> =
  {
    "github-actions.yml": (stubs, folder) =>
      runWorkflow("github-actions.yml", stubs, folder, inputs),
    "forgejo-actions.yml": (stubs, folder) =>
      runWorkflow("forgejo-actions.yml", stubs, folder, inputs),
    "gitlab-ci.yml": (stubs, folder) => runGitlab(stubs, folder, inputs),
    "tekton-task.yaml": (stubs, folder) => startTask(stubs, folder, taskRun),
    "konflux-pipeline.yaml": async (stubs, folder) =>
      startTask(stubs, folder, { ...(await konfluxParams()), "promote-to": inputs.promoteTo }),
  };

export interface Checkout {
  readonly path: string;
  /** The words after `bootgate run`, `bootgate verdict` and `bootgate promote`. */
  readonly words: (command: string) => readonly string[];
  /** The real command line, in the checkout. */
  readonly bootgate: (words: readonly string[]) => Promise<CommandOutput>;
}

/** Starts a CI's file and makes the checkout that it would have at its step `Boot`. */
export async function checkoutOf(name: string, folder: string): Promise<Checkout> {
  const stubs = await createStubs(folder, {});
  await starts[name]?.(stubs, folder);
  const calls = await stubs.calls();
  const path = join(folder, "checkout");
  await mkdir(join(path, "docs"), { recursive: true });
  await cp(join(root, "docs", "ci"), join(path, "docs", "ci"), { recursive: true });
  for (const call of calls) await fetchInto(path, call);
  const start = join(root, "harness", "setup", "start.js");
  return {
    path,
    words: (command) =>
      bootgateCalls(calls)
        .find(([first]) => first === command)
        ?.slice(1) ?? [],
    bootgate: (words) =>
      attemptCommand(process.execPath, [start, ...words], { cwd: path, timeoutMs: 60_000 }),
  };
}

/** Does what skopeo and curl were asked for, with images of a few bytes. */
async function fetchInto(path: string, { name, words }: Call): Promise<void> {
  if (name === "skopeo" && words[0] === "copy") {
    const [transport, layout = "", tag = ""] = (words.at(-1) ?? "").split(":");
    if (transport === "oci") await makeLayout(join(path, layout), tag);
  }
  if (name === "curl") {
    const output = words[words.indexOf("--output") + 1] ?? "";
    await writeFile(join(path, output), tinyDisk());
  }
}

/** A megabyte with an MBR of one partition. */
function tinyDisk(): Buffer {
  const disk = Buffer.alloc(1024 * 1024);
  disk.set([0x80, 0, 2, 0, 0x83, 0, 0, 0], 446);
  disk.writeUInt32LE(1, 454);
  disk.writeUInt32LE(100, 458);
  disk.set([0x55, 0xaa], 510);
  return disk;
}

async function makeLayout(layout: string, tag: string): Promise<void> {
  await mkdir(join(layout, "blobs/sha256"), { recursive: true });
  const put = async (text: string): Promise<{ digest: string; size: number }> => {
    const hex = createHash("sha256").update(text).digest("hex");
    await writeFile(join(layout, "blobs/sha256", hex), text);
    return { digest: `sha256:${hex}`, size: text.length };
  };
  const oci = "application/vnd.oci.image";
  const layer = { mediaType: `${oci}.layer.v1.tar`, ...(await put(`a layer of ${tag}`)) };
  const facts = {
    architecture: "amd64",
    os: "linux",
    config: { Labels: { "containers.bootc": "1" } },
  };
  const config = { mediaType: `${oci}.config.v1+json`, ...(await put(JSON.stringify(facts))) };
  const mediaType = `${oci}.manifest.v1+json`;
  const manifest = await put(
    JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [layer] }),
  );
  const annotations = { "org.opencontainers.image.ref.name": tag };
  await writeFile(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(
    join(layout, "index.json"),
    JSON.stringify({ manifests: [{ mediaType, ...manifest, annotations }] }),
  );
}

/** What a guest of such a run differs by: all of it, and the origin that is not the disk's own. */
const deviations = ["credentials", "insecure-registry", "fork", "overlay-disk", "origin-changed"];

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
