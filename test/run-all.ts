/**
 * `npm test`: set-up, then every tier in order, real machines included, and one plain line with the sum. All tiers run
 * even when an early one fails, so that one run shows all there is to mend; a tier that ran no test counts as failed.
 */
import { bin, conclude, prepareTests, run, runTier, Sum } from "./tier-run.ts";
import type { TierSummary } from "./tier-summary.ts";

/** The tools of tier 0; each counts as one test. */
const tools: readonly (readonly [string, readonly string[]])[] = [
  ["biome", ["ci", "--config-path=test/config/biome-rules.json", "."]],
  ["eslint", ["-c", "test/config/eslint.config.js", "."]],
  ["tsc", []],
];

const tiers = ["check", "unit", "contract", "images", "drivers", "rehearsal", "pipeline", "vm"];

async function runTools(): Promise<TierSummary> {
  const count = { passed: 0, failed: 0, skipped: 0 };
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

async function main(): Promise<number> {
  const chosen = process.argv.slice(2);
  const wanted = chosen.length === 0 ? tiers : tiers.filter((tier) => chosen.includes(tier));
  await using workspace = await prepareTests();
  const sum = new Sum();
  if (wanted.includes("check")) await sum.timed("tools", runTools);
  for (const tier of wanted) await sum.timed(tier, () => runTier(tier, workspace.path));
  return sum.tell();
}

await conclude(main);
