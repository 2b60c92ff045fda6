/** Runs tiers of tests as programs of their own, holds them to leaving nothing behind, and adds up what they say. */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { BootgateError } from "../harness/base/errors.ts";
import { formatDuration } from "../harness/base/units.ts";
import {
  createWorkspace,
  removeDeadWorkspaces,
  type Workspace,
} from "../harness/base/workspace.ts";
import { warnOfBuild } from "../harness/setup/build-rights.ts";
import { installMissing } from "../harness/setup/host-packages.ts";
import { summarizeTier, type TierSummary } from "./tier-summary.ts";

/** Much of what their tests do is to wait for other programs. */
const waiting = new Set(["contract", "images", "drivers"]);

/** Where a program of the development dependencies lies. */
export const bin = (name: string): string => join("node_modules", ".bin", name);

/** Tests put folders with sockets below their own, and a socket's path has 107 bytes (unix(7)). */
const shortPlace = (): string => (tmpdir().length > 12 ? "/tmp" : tmpdir());

export function run(file: string, args: readonly string[], temporary = tmpdir()): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, TMPDIR: temporary },
    });
    child.on("error", () => resolve(127));
    child.on("close", (code) => resolve(code ?? 1));
  });
}

/**
 * @param folder Where the reporter's file goes.
 * @param files Only these files of the tier.
 */
export async function runTier(
  name: string,
  folder: string,
  files: readonly string[] = [],
): Promise<TierSummary> {
  const output = join(folder, `${name}.json`);
  // Short, since it is part of the paths of sockets.
  const temporary = await mkdtemp(join(shortPlace(), "bg-"));
  const args = ["run", "--config", "test/config/vitest.config.ts", "--project", name, ...files];
  if (waiting.has(name)) args.push(`--maxWorkers=${2 * availableParallelism()}`);
  const reports = ["--reporter=default", "--reporter=json", `--outputFile.json=${output}`];
  const code = await run(bin("vitest"), [...args, ...reports], temporary);
  const left = await leftIn(temporary);
  await rm(temporary, { recursive: true, force: true }).catch((error: unknown) =>
    left.push(String(error)),
  );
  const tier = summarizeTier(await readFile(output, "utf8").catch(() => "{}"));
  const { count } = tier;
  const failures = [...tier.failures];
  // A file that does not load fails no test of its own, and a tier without a test proves nothing.
  if (count.failed === 0 && (code !== 0 || count.passed === 0)) {
    count.failed++;
    if (failures.length === 0) failures.push(`vitest ended with ${code}`);
  }
  if (name === "vm" && process.env.CI !== undefined && count.skipped > 0) {
    count.failed += count.skipped;
    failures.push(`${count.skipped} tests were skipped, and a CI has to run them`);
  }
  if (left.length > 0) {
    count.failed++;
    failures.push(`temporary files were left: ${left.slice(0, 9).join(", ")} (${left.length})`);
  }
  return { count, failures };
}

/** What of ours is in a tier's temporary folder. In the folder of sockets the next process removes what killed ones left. */
async function leftIn(temporary: string): Promise<string[]> {
  return (await readdir(temporary)).filter((name) => /^bootgate-(?!sockets-)/.test(name));
}

/** Installs what tests need and says so. A folder for their reports, which goes away when it is disposed. */
export async function prepareTests(): Promise<Workspace> {
  await removeDeadWorkspaces();
  const say = (line: string): void => console.log(line);
  await installMissing(["run", "build", "test"], say, new AbortController().signal);
  await warnOfBuild(say);
  return createWorkspace("test");
}

/** What was run so far: a line for each part, then all that failed, and a plain line with the sum. */
export class Sum {
  readonly count = { passed: 0, failed: 0, skipped: 0 };
  readonly #failures: string[] = [];

  add(title: string, { count, failures }: TierSummary, tookMs?: number): void {
    this.#failures.push(...failures.map((failure) => `${title}: ${failure}`));
    this.count.passed += count.passed;
    this.count.failed += count.failed;
    this.count.skipped += count.skipped;
    const time = tookMs === undefined ? "" : ` in ${formatDuration(tookMs)}`;
    console.log(`\n== ${title}: ${told(count)}${time}\n`);
  }

  /** Runs a part and adds it with its time. */
  async timed(title: string, part: () => Promise<TierSummary>): Promise<TierSummary> {
    const began = performance.now();
    const summary = await part();
    this.add(title, summary, performance.now() - began);
    return summary;
  }

  /** The exit code. */
  tell(): number {
    // Once more at the end: of a long log often only the end is kept.
    for (const failure of this.#failures) console.log(`FAILED  ${failure}\n`);
    console.log(told(this.count));
    return this.count.failed === 0 && this.count.passed > 0 ? 0 : 1;
  }
}

const told = ({ passed, failed, skipped }: TierSummary["count"]): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

/** Ends the process with what `main` says. A fault with a sentence of its own is told without a trace. */
export async function conclude(main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof BootgateError)) throw error;
    console.error(error.message);
    process.exitCode = error.blame === "caller" ? 2 : 3;
  }
}
