/** What a run takes from the gate's files, and how shards of different images and hosts share the jobs. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type PlanOptions, plannedWords } from "../../harness/cli/commands/plan-command.ts";
import {
  type GateFiles,
  loadGate,
  prepareGate,
  recordHistory,
} from "../../harness/cli/wiring/gate-options.ts";
import { imageWish } from "../../harness/cli/wiring/selection.ts";
import { type Job, planJobs } from "../../harness/engine/plan.ts";
import type { LoadedScenario } from "../../harness/engine/scenario.ts";
import { readHistory } from "../../harness/gate/history/history-file.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { smallEvents } from "../golden/gate-runs.ts";
import { simulatedImage, simulatedProfile } from "../rehearsal/rehearse.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { SimulatedWorld } from "../simulated/world.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-options-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const now = new Date("2026-11-21T12:00:00Z");

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

const knownFile = (): Promise<string> =>
  file(
    "known.yaml",
    `version: 1
failures:
  - scenario: boot/health
    pattern: "did not boot: the kernel panicked"
    tracker: https://example.org/issues/7
    until: 2026-12-01
`,
  );

const story = (id: string, images: readonly string[], timeoutMinutes = 5): LoadedScenario => ({
  id,
  definition: {
    summary: id,
    needs: { images: [...images] },
    timeoutMinutes,
    run: async () => undefined,
  },
});
const scenarios = [
  story("a/one", ["candidate", "previous"], 60),
  story("a/two", ["candidate", "previous"], 60),
  story("b/one", ["candidate"]),
  story("b/two", ["candidate"]),
];

const machine = simulatedProfile(createSimulatedDriver({ world: new SimulatedWorld() }));

/** The jobs of a host; without `previous` half of them are skipped everywhere, with a refusal all are skipped here. */
const jobsOf = (refusal: string | null = null, stories = scenarios): Job[] =>
  planJobs({
    scenarios: stories,
    images: { candidate: simulatedImage("v2", "2") },
    machines: [{ ...machine, refusal }],
    repeatOptions: [],
  });

const files: GateFiles = {
  policy: null,
  shard: null,
  history: null,
  known: { version: 1, failures: [] },
};
const shardOf = async (index: number, count: number, jobs = jobsOf()) =>
  prepareGate(jobs, { ...files, shard: { index, count } });
const idsOf = (jobs: readonly Job[]): string[] => jobs.map(({ scenario }) => scenario.id);

describe("a shard", () => {
  test("gets its part of what runs, not of what is skipped", async () => {
    expect(idsOf((await shardOf(1, 2)).jobs)).toEqual(["a/one", "a/two", "b/one"]);
    const second = await shardOf(2, 2);
    expect(idsOf(second.jobs)).toEqual(["b/two"]);
    expect(second.shard).not.toHaveProperty("nothingToRun");
  });

  test("may have nothing to run, and belongs to the same split all the same", async () => {
    const third = await shardOf(3, 3);
    expect([idsOf(third.jobs), third.shard?.nothingToRun]).toEqual([["a/one"], true]);
    expect(third.shard?.selection).toBe((await shardOf(1, 3)).shard?.selection);
  });

  test("has not done its part where no shard has anything to run", async () => {
    const all = jobsOf(null, scenarios.slice(0, 2));
    expect((await shardOf(2, 2, all)).shard).not.toHaveProperty("nothingToRun");
  });

  test("on a host that can run nothing has the same part, and is not done", async () => {
    const fit = await shardOf(2, 2, jobsOf(null, scenarios.slice(2)));
    const unfit = await shardOf(2, 2, jobsOf("No OVMF.", scenarios.slice(2)));
    expect(unfit.shard).toEqual(fit.shard);
  });
});

describe("the files", () => {
  test("are read before there are jobs, and the future is left out", async () => {
    const model = foldRun(smallEvents({ fates: { "boot/health": "passed" } }));
    const history = join(folder, "history.jsonl");
    const known = { version: 1 as const, failures: [] };
    await recordHistory(model, { history }, known);
    await recordHistory(
      { ...model, run: "late", startedAt: "2099-01-01T00:00:00Z" },
      { history },
      known,
    );
    const later = new Date("2099-01-02T00:00:00Z");
    expect((await readHistory(history, { now: later })).lines).toHaveLength(2);
    const loaded = await loadGate({ history, shard: "2/3" }, now);
    expect(loaded.history?.map(({ run }) => run)).toEqual([model.run]);
    expect(loaded.shard).toEqual({ index: 2, count: 3 });
  });

  test("tell what to expect on this host; the split is the same on every host", async () => {
    const job = jobsOf(null, scenarios.slice(2))[0]?.id ?? "";
    const line = {
      version: 1,
      at: now.toISOString(),
      job,
      scenario: "b/one",
      image: "",
      digest: "",
    } as const;
    const past = [
      {
        ...line,
        run: "1",
        accelerator: "tcg",
        standing: "passed",
        durationMs: 60_000,
        attempts: 1,
      },
      { ...line, run: "2", accelerator: "kvm", standing: "passed", durationMs: 6000, attempts: 1 },
    ] as const;
    const on = (accelerator: string) =>
      prepareGate(
        jobsOf(),
        { ...files, history: past, shard: { index: 1, count: 2 } },
        accelerator,
      );
    expect((await on("tcg")).expectedMs(job)).toBe(60_000);
    expect((await on("kvm")).expectedMs(job)).toBe(6000);
    expect((await on("kvm")).shard).toEqual((await on("tcg")).shard);
    expect(await prepareGate([], files)).not.toHaveProperty("history");
  });

  test("with known failures of one's own are used for events and for the history", async () => {
    const loaded = await loadGate({ known: await knownFile() }, now);
    const model = foldRun(smallEvents({ fates: { "boot/health": "failed" } }));
    const gate = await prepareGate([], loaded);
    expect(gate.knownFailure(model, model.jobs[0]?.id ?? "")).toMatchObject({
      type: "known-failure",
      tracker: "https://example.org/issues/7",
    });
    const history = join(folder, "history.jsonl");
    await recordHistory(model, { history }, loaded.known);
    expect((await readHistory(history)).lines[0]?.known).toBeDefined();
  });

  test.each([
    ["a shard that is none", { shard: "3/2" }, /Expected a shard/],
    ["a policy that is not there", { policy: "/no/gate.yaml" }, /\/no\/gate\.yaml/],
    ["a list that is not there", { known: "/no/known.yaml" }, /\/no\/known\.yaml/],
  ])("with %s are refused", async (_, options, words) => {
    await expect(loadGate(options, now)).rejects.toThrow(words);
  });

  test("with a list that excuses without end are refused", async () => {
    const known = await knownFile();
    await expect(loadGate({ known }, new Date("2020-01-01"))).rejects.toThrow(/is without end/);
  });
});

describe("the words of a plan", () => {
  const options: PlanOptions = {
    suite: "gate",
    candidate: "reference:v2",
    machine: ["qemu"],
    firmware: ["uefi"],
    network: "closed",
    memory: 1536,
    shards: 2,
    retries: 0,
  };

  test("carry several kinds of firmware and a forced accelerator to the runs", () => {
    const { runWords } = plannedWords([], {
      ...options,
      firmware: ["uefi", "bios"],
      accelerator: "tcg",
      kvmProbeSeconds: 150,
    });
    expect(runWords.join(" ")).toBe(
      "--suite gate --candidate reference:v2 --accelerator tcg --kvm-probe-seconds 150 --machine qemu --firmware uefi,bios",
    );
  });

  test("carry policy, known failures, deadline and retries to the runs, and what judges to the verdict", () => {
    const full = { policy: "gate.yaml", known: "known.yaml", deadline: 5_400_000, retries: 2 };
    const { runWords, verdictWords } = plannedWords(["boot"], { ...options, ...full });
    expect(runWords.join(" ")).toBe(
      "boot --candidate reference:v2 --machine qemu --firmware uefi --policy gate.yaml --known known.yaml --deadline 1h30m --retries 2",
    );
    expect(verdictWords).toEqual(["--policy", "gate.yaml", "--known", "known.yaml"]);
  });

  test("name a disk with its OCI image, and refuse what is not one", () => {
    const { runWords } = plannedWords([], {
      ...options,
      candidate: "disk.qcow2",
      candidateOci: "oci:dir:v2",
    });
    expect(runWords.join(" ")).toContain("--candidate disk.qcow2 --candidate-oci oci:dir:v2 ");
    expect(imageWish("candidate", undefined, undefined)).toBeUndefined();
    expect(imageWish("candidate", "disk.qcow2", undefined)).toBe("disk.qcow2");
    expect(imageWish("candidate", undefined, "oci:dir:v2")).toBe("oci:dir:v2");
    const pair = { name: "disk.qcow2", oci: "oci:dir:v2" };
    expect(imageWish("candidate", "disk.qcow2", "oci:dir:v2")).toEqual(pair);
    expect(() => imageWish("previous", "disk.qcow2", "other.qcow2")).toThrow(
      /'other.qcow2' does not name an OCI image; --previous-oci expects oci:DIR:TAG/,
    );
  });

  test("carry what a disk is made with", () => {
    const { runWords } = plannedWords([], {
      ...options,
      filesystem: "xfs",
      karg: ["console=ttyS0", "quiet"],
    });
    expect(runWords.join(" ")).toBe(
      "--suite gate --candidate reference:v2 --filesystem xfs --karg console=ttyS0 quiet --machine qemu --firmware uefi",
    );
  });

  test("are few where little was said", () => {
    const { runWords, verdictWords } = plannedWords([], options);
    expect(runWords.join(" ")).toBe(
      "--suite gate --candidate reference:v2 --machine qemu --firmware uefi",
    );
    expect(verdictWords).toEqual([]);
  });
});

test("a policy that requires what lacks an image here is refused before anything boots", async () => {
  const policy = await file(
    "gate.yaml",
    "version: 1\nrequire: [{ scenarios: [boot/health, bootc/switch] }]\n",
  );
  const stories = [story("boot/health", ["candidate"]), story("bootc/switch", ["previous"])];
  await expect(prepareGate(jobsOf(null, stories), { ...files, policy })).rejects.toThrow(
    /cannot be met by this run:\n {2}- 'bootc\/switch' is required and needs --previous$/,
  );
  const [health] = jobsOf(null, stories);
  if (health === undefined) throw new Error("There is no job.");
  // What was not selected here another run may bring.
  expect((await prepareGate([health], { ...files, policy })).policy).toMatch(/^sha256:/);
});

test("a policy may require a boot of an image without a disk where a disk is made of it, and only there", async () => {
  const policy = await file("gate.yaml", "version: 1\nrequire: [{ scenarios: [boot/health] }]\n");
  const plan = (driver: "qemu" | "simulated") =>
    planJobs({
      scenarios: [story("boot/health", ["candidate"])],
      images: {
        candidate: { ...simulatedImage("v2", "2"), disk: null, oci: { layout: "oci", tag: "v2" } },
      },
      machines: [{ ...machine, driver, refusal: null }],
      buildsDisks: driver === "qemu",
      repeatOptions: [],
    });
  expect((await prepareGate(plan("qemu"), { ...files, policy })).policy).toMatch(/^sha256:/);
  await expect(prepareGate(plan("simulated"), { ...files, policy })).rejects.toThrow(
    /'boot\/health' is required and is skipped on every image: no image has an installed disk/,
  );
});
