/** Promotion judges for itself: what a decision file says moves no tag, keeps none from moving and is not recorded. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import type { PromoteOptions } from "../../harness/cli/commands/promote-command.ts";
import { verdict } from "../../harness/cli/commands/verdict-command.ts";
import { type Decision, decisionText, parseDecision } from "../../harness/gate/verdict/decision.ts";
import { type SmallRun, smallEvents } from "../golden/gate-runs.ts";
import { jobFacts } from "../golden/report-events.ts";
import { exitCode, lab, printed, useLab } from "./promote-bench.ts";
import { layoutDigest, sha } from "./promote-lab.ts";

useLab();

const day = 86_400_000;
const dayFromNow = (days: number): string =>
  new Date(Date.now() + days * day).toISOString().slice(0, 10);

const timed =
  (seconds: number): NonNullable<SmallRun["more"]> =>
  (job) => [
    { type: "measure", at: "2026-11-21T08:00:00.000Z", job, name: "boot.seconds", value: seconds },
  ];

/** A run of the layout's v2. */
async function runOf(name: string, small: Partial<SmallRun> = {}): Promise<string> {
  const facts = jobFacts("boot/health");
  const { candidate } = facts.images;
  if (candidate === undefined) throw new Error("There is no candidate.");
  const digest = await layoutDigest(lab, "v2");
  const images = { candidate: { ...candidate, digest, standIns: [] } };
  const fates = { "boot/health": "passed", "bootc/status": "passed" } as const;
  const events = smallEvents({ run: name, fates, facts: { images }, ...small });
  const directory = join(lab.folder, "runs", name);
  await mkdir(directory, { recursive: true });
  const text = events.map((event) => `${JSON.stringify(event)}\n`).join("");
  await writeFile(join(directory, "events.jsonl"), text);
  return directory;
}

async function policyOf(more = ""): Promise<string> {
  const path = join(lab.folder, "gate.yaml");
  await writeFile(
    path,
    `version: 1\nrequire: [{ scenarios: [boot/health, bootc/status] }]\n${more}`,
  );
  return path;
}

async function edit(directory: string, change: Partial<Decision>): Promise<void> {
  const path = join(directory, "decision.json");
  const decision = parseDecision(await readFile(path, "utf8"), path);
  await writeFile(path, decisionText({ ...decision, ...change }));
}

const promotes: Partial<Decision> = { verdict: "PROMOTE", because: null, unsatisfied: [] };
const failed = { fates: { "boot/health": "failed", "bootc/status": "passed" } } as const;
const waiverUntil = (until: string): Promise<string> =>
  policyOf(`waivers: [{ scenario: boot/health, by: qa, until: ${until}, reason: a bad host }]\n`);

/** Its exit code and what it said; nothing was asked of the registry. */
async function refuses(
  directory: string,
  more: Partial<PromoteOptions>,
  code: number,
): Promise<string> {
  const before = printed.length;
  expect(await exitCode(directory, more)).toBe(code);
  expect(lab.requests).toEqual([]);
  return printed.slice(before);
}

test("a hold for a waiver that is over stays one, whatever its file says it was decided by and when", async () => {
  const policy = await waiverUntil(dayFromNow(-3));
  const run = await runOf("one", failed);
  expect(await verdict([run], { policy })).toBe(1);
  await edit(run, { ...promotes, decidedAt: new Date(Date.now() - 9 * day).toISOString() });
  const said = await refuses(run, { policy }, 1);
  expect(said).toMatch(/^HOLD: boot\/health .*the waiver by qa ended on/);
  expect(said).toMatch(/Judged again, now and by .*its runs hold\.\n {2}Nothing was promoted\.\n$/);
});

test("a promotion ends with its excuses", async () => {
  const policy = await waiverUntil(dayFromNow(2));
  const run = await runOf("one", failed);
  expect(await verdict([run], { policy })).toBe(0);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 5 * day });
  try {
    expect(await refuses(run, { policy }, 1)).toMatch(/^HOLD: .*the waiver by qa ended on/);
  } finally {
    vi.useRealTimers();
  }
  expect(await exitCode(run, { policy })).toBe(0);
  expect(await lab.digestOf("os", "stable")).toBe(await layoutDigest(lab, "v2"));
});

test("a hold against the last promoted run stays one", async () => {
  const policy = await policyOf("budgets: { boot: { ratio: 1.2 } }\n");
  const previous = await runOf("before", { more: timed(30) });
  expect(await verdict([previous], { policy })).toBe(0);
  const run = await runOf("now", { more: timed(60) });
  expect(await verdict([run], { policy, previous })).toBe(1);
  await edit(run, promotes);
  expect(await refuses(run, { policy, previous }, 1)).toMatch(/^HOLD: budget: .*2.00 times/);
  const said = await refuses(run, { policy }, 2);
  expect(said).toMatch(/its budgets are not those of the runs; --previous names the last promoted/);
});

test("what was compared with the last promoted run is promoted with it", async () => {
  const policy = await policyOf("budgets: { boot: { ratio: 1.2 } }\n");
  const previous = await runOf("before", { more: timed(30) });
  const run = await runOf("now", { more: timed(33) });
  await verdict([previous], { policy });
  expect(await verdict([run], { policy, previous })).toBe(0);
  expect(await refuses(run, { policy }, 2)).toMatch(/--previous names the last promoted run/);
  expect(await exitCode(run, { policy, previous })).toBe(0);
});

test.each<[keyof Decision, Partial<Decision>, RegExp]>([
  ["harness", { harness: "9.9.9" }, /its harness is not that of the runs/],
  ["machines", { machines: [] }, /its machines are not those of the runs/],
  [
    "deviations",
    { deviations: [{ id: "x", text: "x", allowed: true, jobs: 1 }] },
    /its deviations are not those of the runs/,
  ],
  [
    "flaky",
    { flaky: [{ job: "x", attempts: [], reason: "x" }] },
    /its flaky jobs are not those of the runs/,
  ],
  ["reasons", { reasons: ["all is well"] }, /its reasons are not those of the runs/],
  ["satisfied", { satisfied: [] }, /its satisfied requirements are not those of the runs/],
])("a PROMOTE whose %s were rewritten is refused", async (_, change, words) => {
  const policy = await policyOf();
  const run = await runOf("one");
  expect(await verdict([run], { policy })).toBe(0);
  await edit(run, change);
  expect(await refuses(run, { policy }, 2)).toMatch(words);
});

test("what is recorded is the judgement of now, and no byte of the file", async () => {
  const policy = await policyOf();
  const run = await runOf("one");
  await verdict([run], { policy });
  const file = join(run, "decision.json");
  await edit(run, { notes: ["approved by the boss"], decidedAt: "2020-01-01T00:00:00.000Z" });
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace("{", '{ "signature": "forged",'));
  const begin = Date.now();
  expect(await exitCode(run, { policy })).toBe(0);
  const tag = (await layoutDigest(lab, "v2")).replace(":", "-");
  const index = (await lab.json("os", tag)) as { manifests: { digest: string }[] };
  const artifact = (await lab.json("os", index.manifests[0]?.digest ?? "")) as {
    layers: { digest: string }[];
    annotations: Record<string, string>;
  };
  const kept = await lab.blob("os", artifact.layers[0]?.digest ?? "");
  const decision = parseDecision(kept, "the record");
  expect(JSON.parse(kept)).toEqual(decision);
  expect(decision.notes).toEqual([]);
  expect(Date.parse(decision.decidedAt)).toBeGreaterThanOrEqual(begin);
  expect(artifact.annotations["org.opencontainers.image.created"]).toBe(decision.decidedAt);
  expect(decision.runs[0]?.events).toBe(sha(await readFile(join(run, "events.jsonl"))));
});

test("a decision on several runs is promoted from beside any of them", async () => {
  const policy = await policyOf();
  const runs = [
    await runOf("a", { fates: { "boot/health": "passed" } }),
    await runOf("b", { fates: { "bootc/status": "passed" } }),
  ];
  expect(await verdict(runs, { policy })).toBe(0);
  for (const run of runs) expect(await exitCode(run, { policy })).toBe(0);
});
