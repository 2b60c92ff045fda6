// Test tiers are vitest projects; the wall is that nothing but `vm` boots a machine.
import { defineConfig } from "vitest/config";

interface Tier {
  readonly name: string;
  readonly include: string;
  readonly testTimeout: number;
  /** Files side by side; 1 where they need the whole machine. */
  readonly workers: number | string;
  /** Files of one worker share a process and what they import; `nothing-left.ts` holds them to leaving nothing behind. */
  readonly shared?: boolean;
  readonly setup?: readonly string[];
}

const tier = (
  { name, include, testTimeout, workers, shared = false, setup = [] }: Tier,
  place: number,
) => ({
  test: {
    name,
    include: [include],
    testTimeout,
    hookTimeout: testTimeout,
    environment: "node" as const,
    maxWorkers: workers,
    isolate: !shared,
    setupFiles: [...setup, ...(shared ? ["test/config/nothing-left.ts"] : [])],
    // Tiers that differ in their workers cannot run at once.
    sequence: { groupOrder: place },
  },
});

const minute = 60_000;

const tiers: readonly Tier[] = [
  { name: "check", include: "test/tidy.test.ts", testTimeout: minute, workers: 1 },
  {
    name: "unit",
    include: "test/unit/**/*.test.ts",
    testTimeout: 10_000,
    workers: "100%",
    shared: true,
    setup: ["test/config/no-process.ts"],
  },
  {
    name: "contract",
    include: "test/contract/**/*.test.ts",
    testTimeout: minute,
    workers: "100%",
    shared: true,
  },
  {
    name: "rehearsal",
    include: "test/rehearsal/**/*.test.ts",
    shared: true,
    testTimeout: minute,
    workers: "100%",
  },
  { name: "pipeline", include: "test/pipeline/**/*.test.ts", testTimeout: minute, workers: "100%" },
  { name: "vm", include: "test/vm/**/*.test.ts", testTimeout: 40 * minute, workers: 1 },
  { name: "full", include: "test/full/**/*.test.ts", testTimeout: 40 * minute, workers: 1 },
];

export default defineConfig({
  root: new URL("../..", import.meta.url).pathname,
  test: { projects: tiers.map(tier) },
});
