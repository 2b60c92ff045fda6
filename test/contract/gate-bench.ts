/** A folder with small runs, policies and lists for each test of the gate's commands, and what these print. */

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, vi } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { type VerdictOptions, verdict } from "../../harness/cli/commands/verdict-command.ts";
import { type Decision, decisionText, parseDecision } from "../../harness/gate/verdict/decision.ts";
import { frozen } from "../golden/frozen.ts";
import { type SmallRun, smallEvents } from "../golden/gate-runs.ts";

export let folder = "";
/** What went to stdout, and to stderr. */
export let printed = "";
export let told = "";
export const forgetPrinted = (): void => {
  printed = "";
};

/** Registers the hooks; called once by each test file. */
export function useGate(): void {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "bootgate-gate-"));
    printed = "";
    told = "";
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      printed += String(text);
      return true;
    });
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      told += String(text);
      return true;
    });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await rm(folder, { recursive: true, force: true });
  });
}

export const green: SmallRun = frozen({ fates: { "boot/health": "passed" } });

export async function runDirectory(name: string, small: SmallRun = green): Promise<string> {
  const directory = join(folder, name);
  await mkdir(directory, { recursive: true });
  const lines = smallEvents({ run: name, ...small }).map((event) => `${JSON.stringify(event)}\n`);
  await writeFile(join(directory, "events.jsonl"), lines.join(""));
  return directory;
}

/** A green run whose guests took this long to boot. */
export const timedRun = (name: string, seconds: number): Promise<string> =>
  runDirectory(name, {
    ...green,
    more: (job) => [
      {
        type: "measure",
        at: "2026-11-21T08:00:00.000Z",
        job,
        name: "boot.seconds",
        value: seconds,
      },
    ],
  });

export async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

export const policyFile = (more = ""): Promise<string> =>
  file("gate.yaml", `version: 1\nrequire:\n  - scenarios: [boot/health]\n${more}`);
export const knownFile = (
  until = "2026-12-01",
  pattern = "did not boot: the kernel panicked",
): Promise<string> =>
  file(
    "known.yaml",
    `version: 1\nfailures:\n  - scenario: boot/health\n    pattern: "${pattern}"\n    tracker: https://example.org/issues/7\n    until: ${until}\n`,
  );
/** A day that is always soon: these commands have a real clock. */
export const soon = (): string => new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);

export async function decisionIn(directory: string): Promise<Decision> {
  const path = join(directory, "decision.json");
  return parseDecision(await readFile(path, "utf8"), path);
}

export async function editDecision(
  directory: string,
  change: (decision: Decision) => Decision,
): Promise<void> {
  const decision = change(await decisionIn(directory));
  await writeFile(join(directory, "decision.json"), decisionText(decision));
}

/** The words in which a verdict is refused. */
export async function refused(
  directories: string[],
  options: VerdictOptions = {},
): Promise<string> {
  const error: unknown = await verdict(directories, options).then(
    (code) => `exit ${code}`,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof UsageError)) throw new TypeError(`Expected a UsageError, got ${error}.`);
  return error.message;
}
