/**
 * `npm test`: set-up, then every tier in order, real machines included, and one plain line with the sum. All tiers run
 * even when an early one fails, so that one run shows all there is to mend; a tier that ran no test counts as failed.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { BootgateError } from "../harness/base/errors.ts";
import { formatDuration } from "../harness/base/units.ts";
import { createWorkspace, removeDeadWorkspaces } from "../harness/base/workspace.ts";
import { warnOfBuild } from "../harness/setup/build-rights.ts";
import { installMissing } from "../harness/setup/host-packages.ts";
import { summarizeTier } from "./tier-summary.ts";

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

interface Outcome {
  readonly count: Count;
  /** What failed, a name and the beginning of its reason each. */
  readonly failures: readonly string[];
}

const bin = (name: string): string => join("node_modules", ".bin", name);

/** The tools of tier 0; each counts as one test. */
const tools: readonly (readonly [string, readonly string[]])[] = [
  ["biome", ["ci", "--config-path=test/config/biome-rules.json", "."]],
  ["eslint", ["-c", "test/config/eslint.config.js", "."]],
  ["tsc", []],
];

const tiers = ["check", "unit", "contract", "images", "drivers", "rehearsal", "pipeline", "vm"];

/** Much of what their tests do is to wait for other programs. */
const waiting = new Set(["contract", "images", "drivers"]);

/** Tests put folders with sockets below their own, and a socket's path has 107 bytes (unix(7)). */
const shortPlace = (): string => (tmpdir().length > 12 ? "/tmp" : tmpdir());

function run(file: string, args: readonly string[], temporary = tmpdir()): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, TMPDIR: temporary },
    });
    child.on("error", () => resolve(127));
    child.on("close", (code) => resolve(code ?? 1));
  });
}

async function runTools(): Promise<Outcome> {
  const count: Count = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[] = [];
  for (const [name, args] of tools) {
    const code = await run(bin(name), args);
    if (code === 0) count.passed++;
    else count.failed++;
    if (code !== 0) failures.push(`${name} ended with ${code}`);
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${name}`);
  }
  return { count, failures };
}

async function runTier(name: string, folder: string): Promise<Outcome> {
  const output = join(folder, `${name}.json`);
  // Short, since it is part of the paths of sockets.
  const temporary = await mkdtemp(join(shortPlace(), "bg-"));
  const args = ["run", "--config", "test/config/vitest.config.ts", "--project", name];
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

async function main(): Promise<number> {
  const chosen = process.argv.slice(2);
  const wanted = chosen.length === 0 ? tiers : tiers.filter((tier) => chosen.includes(tier));
  await removeDeadWorkspaces();
  const say = (line: string): void => console.log(line);
  await installMissing(["run", "build", "test"], say, new AbortController().signal);
  await warnOfBuild(say);
  await using workspace = await createWorkspace("test");
  const sum: Count = { passed: 0, failed: 0, skipped: 0 };
  const failed: string[] = [];
  const add = (title: string, began: number, { count, failures }: Outcome): void => {
    failed.push(...failures.map((failure) => `${title}: ${failure}`));
    sum.passed += count.passed;
    sum.failed += count.failed;
    sum.skipped += count.skipped;
    const time = formatDuration(performance.now() - began);
    console.log(
      `\n== ${title}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped in ${time}\n`,
    );
  };
  if (wanted.includes("check")) {
    const began = performance.now();
    add("tools", began, await runTools());
  }
  for (const tier of wanted) {
    const began = performance.now();
    add(tier, began, await runTier(tier, workspace.path));
  }
  // Once more at the end: of a long log often only the end is kept.
  for (const failure of failed) console.log(`FAILED  ${failure}\n`);
  console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
  return sum.failed === 0 && sum.passed > 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof BootgateError)) throw error;
  console.error(error.message);
  process.exitCode = error.blame === "caller" ? 2 : 3;
}
