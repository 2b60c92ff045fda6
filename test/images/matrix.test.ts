// A matrix and a catalogue of one's own from files to jobs, through the command line's own `main`.
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { lastImageRun, recordImageRuns } from "../../harness/cli/wiring/image-runs.ts";
import { discoverScenarios } from "../../harness/engine/discover.ts";
import { suitesOf } from "../../harness/engine/scenario.ts";
import type { JobFacts, RunEvent } from "../../harness/log/events.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import type { Image } from "../../images/image.ts";
import { makeCandidate } from "../contract/support/candidate.ts";
import type { Ended } from "../contract/support/command.ts";
import { gptDisk } from "../contract/support/disks.ts";
import { bootgateHere } from "../contract/support/in-process.ts";
import { smallEvents } from "../golden/gate-runs.ts";
import { at } from "../golden/report-events.ts";

let folder: Workspace;
let one: Image;
let two: Image;
beforeAll(async () => {
  folder = await createWorkspace("matrix");
  [one, two] = await Promise.all([
    makeCandidate(join(folder.path, "one")),
    makeCandidate(join(folder.path, "two")),
  ]);
  await write(
    "images.yaml",
    `images:
  mine:
    reference: oci:one
    streams: [v1]
    promises: [composefs]
    memoryMiB: 3000
  other:
    reference: oci:two:v1
    lacks: [composefs]
    firmware: [uefi]
  elsewhere:
    reference: oci:two:v1
    architectures: [aarch64]
groups:
  both: ["mine:v1", other]
`,
  );
});
afterAll(() => folder[Symbol.asyncDispose]());

async function write(name: string, text: string): Promise<string> {
  const path = join(folder.path, name);
  await writeFile(path, text);
  return path;
}

const command = (...args: readonly string[]): Promise<Ended> =>
  bootgateHere(args, { XDG_CACHE_HOME: join(folder.path, "cache") });

const plan = (...args: readonly string[]): Promise<Ended> =>
  command("plan", "--accelerator", "tcg", "--catalogue", join(folder.path, "images.yaml"), ...args);

const jobsOf = ({ stdout, stderr, code }: Ended): JobFacts[] => {
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
};

test("a group of one's own catalogue: a job a scenario and image, each with its own derived images", async () => {
  const jobs = jobsOf(await plan("--matrix", "catalogue:both", "--json"));
  const gate = (await discoverScenarios()).filter(({ definition }) =>
    suitesOf(definition).includes("gate"),
  );
  expect(jobs).toHaveLength(2 * gate.length);
  expect(new Set(jobs.map(({ id }) => id)).size).toBe(jobs.length);
  const find = (id: string) => jobs.find((job) => job.id === id);
  const mine = find("bootc/upgrade-rollback@qemu-x86_64-uefi+mine-v1");
  const other = find("bootc/upgrade-rollback@qemu-x86_64-uefi+other");
  expect(mine).toMatchObject({
    cell: { image: "mine-v1" },
    images: {
      candidate: { name: "mine:v1", digest: one.digest },
      previous: { derivedFrom: one.digest },
    },
  });
  expect(other?.images.previous).toMatchObject({ derivedFrom: two.digest });
  expect(mine?.repeat).toMatch(/run bootc\/upgrade-rollback --candidate mine:v1 --catalogue /);
  expect(mine?.repeat).not.toContain("--matrix");
  expect(find("composefs/root@qemu-x86_64-uefi+mine-v1")?.skip).toBeUndefined();
  expect(find("composefs/root@qemu-x86_64-uefi+other")?.skip).toBe(
    "The catalogue says that other does not promise composefs.",
  );
});

test("a file: images by machines by ways of installing, in a split that all shards come to", async () => {
  const file = await write(
    "matrix.yaml",
    `version: 1
images:
  - catalogue:both
  - { candidate: "mine:v1", label: again }
machines: [{ firmware: uefi }, { firmware: bios }]
disks: [{ name: ext4, filesystem: ext4 }, { name: native, backend: composefs, kernelArguments: [a=b] }]
`,
  );
  const words = ["boot/health", "--matrix", file];
  const ended = await plan(...words, "--json");
  const jobs = jobsOf(ended);
  expect(ended.stderr).toContain("again is the same image as mine-v1, so it is run once");
  expect(jobs.map(({ id, skip }) => `${id}${skip === undefined ? "" : " skipped"}`).sort()).toEqual(
    [
      "boot/health@qemu-x86_64-bios+mine-v1+ext4",
      "boot/health@qemu-x86_64-bios+mine-v1+native",
      "boot/health@qemu-x86_64-bios+other+ext4 skipped",
      "boot/health@qemu-x86_64-bios+other+native skipped",
      "boot/health@qemu-x86_64-uefi+mine-v1+ext4",
      "boot/health@qemu-x86_64-uefi+mine-v1+native",
      "boot/health@qemu-x86_64-uefi+other+ext4",
      "boot/health@qemu-x86_64-uefi+other+native",
    ],
  );
  const native = jobs.find(({ id }) => id.endsWith("bios+mine-v1+native"));
  expect(native?.repeat).toMatch(/--backend composefs --karg a=b --machine qemu --firmware bios$/);
  const gitlab = await plan(...words, "--filesystem", "xfs", "--format", "gitlab");
  expect(gitlab.code).toBe(0);
  expect(gitlab.stdout).toContain(`--matrix ${file}`);
  expect(gitlab.stdout).toContain("--filesystem xfs");
});

test.each<[string, string, RegExp]>([
  ["a key that there is not", "version: 1\nimage: [a]\n", /unknown key 'image'/],
  ["no image", "version: 1\nimages: []\n", /images/],
  [
    "two images of one label",
    'version: 1\nimages: ["mine:v1", { candidate: other, label: mine-v1 }]\n',
    /Two images of the matrix are called 'mine-v1'; give each a label of its own/,
  ],
  [
    "two ways of one name",
    "version: 1\nimages: [other]\ndisks: [{ name: a }, { name: a }]\n",
    /Two ways of installing of the matrix are called 'a'; give each a name of its own/,
  ],
  [
    "a file system that there is not",
    "version: 1\nimages: [other]\ndisks: [{ name: a, filesystem: fat }]\n",
    /filesystem/,
  ],
  ["a name that there is not", 'version: 1\nimages: ["othr"]\n', /othr/],
  ["a version that there is not", 'version: 1\nimages: ["mine:v9"]\n', /no version 'v9'/],
])("a matrix with %s is a usage error", async (_, text, words) => {
  const file = await write("wrong.yaml", text);
  const ended = await plan("--matrix", file);
  expect(ended.stderr).toMatch(words);
  expect(ended.code).toBe(2);
  expect(ended.stderr).not.toMatch(/at .*:\d+:\d+/);
});

test("one OCI image on two disks is two images, each under its own name", async () => {
  for (const [name, byte] of [
    ["a", 1],
    ["b", 2],
  ] as const)
    await writeFile(
      join(folder.path, `${name}.raw`),
      Buffer.concat([gptDisk(), Buffer.alloc(512, byte)]),
    );
  const entry = (name: string): string =>
    `  ${name}: { kind: files, architecture: x86_64, disk: ${name}.raw, oci: { layout: one, tag: v1 } }\n`;
  const disks = await write(
    "disks.yaml",
    `images:\n${entry("a")}${entry("b")}groups: { both: [a, b] }\n`,
  );
  const words = ["--accelerator", "tcg", "--catalogue", disks, "--matrix", "catalogue:both"];
  const jobs = jobsOf(await command("plan", "boot/health", ...words, "--json"));
  expect(jobs.map(({ cell }) => cell?.image)).toEqual(["a", "b"]);
  const [a, b] = jobs.map(({ images }) => images.candidate);
  expect(a?.digest).toBe(b?.digest);
  expect(a?.disk).not.toBe(b?.disk);
});

test("an image that cannot be had breaks its own jobs, and those of the others are planned", async () => {
  const file = await write(
    "lacking.yaml",
    `version: 1
images: [elsewhere, other, ${folder.path}/none.qcow2, "docker://127.0.0.1:9/os:v1"]
`,
  );
  const words = ["boot/health", "--matrix", file];
  const ended = await plan(...words);
  expect(ended.code, ended.stderr).toBe(0);
  expect(ended.stderr).toContain("elsewhere cannot be had, so its jobs are broken: The catalogue");
  const lines = ended.stdout.trim().split("\n");
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(
    /^lack {2}boot\/health@qemu-x86_64-uefi\+elsewhere .*'elsewhere' is for aarch64/,
  );
  expect(lines[1]).toMatch(/^run {3}boot\/health@qemu-x86_64-uefi\+other {2}candidate other$/);
  expect(lines[2]).toMatch(/^lack .*none\.qcow2/);
  expect(lines[3]).toMatch(/^lack .*docker-127\.0\.0\.1-9-os-v1 .*does not accept connections/);
  const policy = await write(
    "policy.yaml",
    "version: 1\nrequire: [{ scenarios: [boot/health] }]\n",
  );
  const jobs = jobsOf(await plan(...words, "--policy", policy, "--json"));
  expect(jobs.map(({ unavailable }) => unavailable !== undefined)).toEqual([
    true,
    false,
    true,
    true,
  ]);
});

test("`images list` tells what is known of each name, and that none was run yet", async () => {
  const own = ["--catalogue", join(folder.path, "images.yaml")];
  const { stdout } = await command("images", "list", ...own);
  expect(stdout).toMatch(/^name +last run here +what it is$/m);
  expect(stdout).toMatch(/^mine:v1 +not yet run$/m);
  expect(stdout).toMatch(/^silverblue:43 +not yet run +Fedora Silverblue/m);
  const listed = JSON.parse((await command("images", "list", ...own, "--json")).stdout);
  expect(listed[0]).toMatchObject({
    name: "mine:v1",
    promises: ["composefs"],
    transport: "oci",
    lastRun: null,
  });
});

test("a run is remembered by the name of its image, and what cannot be read is not a run", async () => {
  const cacheDir = join(folder.path, "memory");
  const events = smallEvents({ fates: { "boot/health": "passed" }, more: (job) => [started(job)] });
  await recordImageRuns(foldRun(events), ["reference:v2", "reference:v1"], cacheDir);
  expect(await lastImageRun("reference:v2", cacheDir)).toMatchObject({ passed: 1, failed: 0 });
  expect(await lastImageRun("reference:v1", cacheDir)).toBeNull();
  const [file = ""] = await readdir(join(cacheDir, "image-runs"));
  await writeFile(join(cacheDir, "image-runs", file), "{");
  expect(await lastImageRun("reference:v2", cacheDir)).toBeNull();
  // A cache that is a file cannot be written to; the run has ended and is not worse for it.
  await recordImageRuns(foldRun(events), ["reference:v2"], join(folder.path, "images.yaml"));
});

const started = (job: string): RunEvent => ({
  type: "guest-started",
  at: at(1),
  job,
  guest: "candidate",
  image: "reference:v2",
  start: "cold",
  accelerator: "tcg",
  readyMs: 1,
  console: "console.log",
});
