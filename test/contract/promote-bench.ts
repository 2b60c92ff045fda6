/** One promotion as the command line does it, on a fresh lab for each test, and the decisions to promote by. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, vi } from "vitest";
import { BootgateError } from "../../harness/base/errors.ts";
import { type PromoteOptions, promote } from "../../harness/cli/commands/promote-command.ts";
import { type Decision, decisionText } from "../../harness/gate/verdict/decision.ts";
import { judge, required } from "../golden/gate-cases.ts";
import { type Fate, type SmallRun, smallEvents } from "../golden/gate-runs.ts";
import { jobFacts } from "../golden/report-events.ts";
import { type Lab, layoutDigest, openHome, openLab, sha } from "./promote-lab.ts";

export let lab: Lab;
export let printed = "";
/** Registers the hooks; called once by each test file. */
export function useLab(): void {
  let home: Awaited<ReturnType<typeof openHome>>;
  beforeAll(async () => {
    home = await openHome();
  });
  afterAll(() => home[Symbol.asyncDispose]());
  beforeEach(async () => {
    lab = await openLab(await home.empty());
    printed = "";
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      printed += String(text);
      return true;
    });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    await lab[Symbol.asyncDispose]();
  });
}

/** A run directory with a decision about the layout's v2, named by an index, and, judged beside it, its v1. */
export async function decidedOnTwo(): Promise<string> {
  const inMatrix = async (tag: string, run: string): Promise<SmallRun> => {
    const { facts, ...rest } = await smallRun(tag, "passed");
    const candidate = facts?.images?.candidate;
    if (candidate === undefined) throw new Error("There is no candidate.");
    const named = tag === "v2" ? { ...candidate, index: sha("index") } : candidate;
    return { ...rest, run, facts: { images: { candidate: named }, cell: { image: tag } } };
  };
  const [one, two] = [await inMatrix("v2", "one"), await inMatrix("v1", "two")];
  const [first, second] = [await writeRun("one", one), await writeRun("two", two)];
  const decision = judge({ runs: [one, two] });
  const logs = [first.events, second.events];
  const runs = decision.runs.map((run, index) => ({ ...run, events: logs[index] ?? "" }));
  await writePolicy();
  await writeFile(join(first.directory, "decision.json"), decisionText({ ...decision, runs }));
  return first.directory;
}

const smallRun = async (tag: string, fate: Fate): Promise<SmallRun> => {
  const { candidate } = jobFacts("boot/health").images;
  if (candidate === undefined) throw new Error("There is no candidate.");
  const digest = await layoutDigest(lab, tag);
  return {
    fates: { "boot/health": fate, "bootc/upgrade-rollback": "passed" },
    facts: {
      images: { candidate: { ...candidate, name: `reference:${tag}`, digest, standIns: [] } },
    },
  };
};

async function writeRun(
  name: string,
  small: SmallRun,
): Promise<{ readonly directory: string; readonly events: string }> {
  const events = smallEvents(small)
    .map((event) => `${JSON.stringify(event)}\n`)
    .join("");
  const directory = join(lab.folder, "runs", name);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "events.jsonl"), events);
  return { directory, events: sha(events) };
}

const writePolicy = (): Promise<void> =>
  writeFile(
    join(lab.folder, "gate.yaml"),
    `version: 1\nrequire: [{ scenarios: [${required.join(", ")}] }]\n`,
  );

/** A run directory with a decision about the layout's v2. */
export async function decided(
  fate: Fate = "passed",
  change: (decision: Decision) => Decision = (decision) => decision,
): Promise<string> {
  const small = await smallRun("v2", fate);
  const { directory, events } = await writeRun("one", small);
  const decision = judge({ runs: [small] });
  const runs = decision.runs.map((run) => ({ ...run, events }));
  await writePolicy();
  await writeFile(join(directory, "decision.json"), decisionText(change({ ...decision, runs })));
  return directory;
}

export const options = (more: Partial<PromoteOptions> = {}): PromoteOptions => ({
  from: `oci:${join(lab.folder, "layout")}:v2`,
  to: `${lab.host}/os:stable`,
  policy: join(lab.folder, "gate.yaml"),
  tlsVerify: "false",
  ...more,
});

/** As the command line does it. */
export async function exitCode(
  directory: string,
  more: Partial<PromoteOptions> = {},
): Promise<number> {
  try {
    return await promote(directory, options(more));
  } catch (error) {
    if (!(error instanceof BootgateError)) throw error;
    printed += error.message;
    return error.blame === "caller" ? 2 : 3;
  }
}
