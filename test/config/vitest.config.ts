// Test tiers are vitest projects; the wall is that nothing but `vm` boots a machine.
import { defineConfig } from "vitest/config";

const tier = (name: string, include: string[], testTimeout: number, parallel = true) => ({
  test: {
    name,
    include,
    testTimeout,
    hookTimeout: testTimeout,
    environment: "node" as const,
    fileParallelism: parallel,
  },
});

export default defineConfig({
  root: new URL("../..", import.meta.url).pathname,
  test: {
    projects: [
      tier("check", ["test/tidy.test.ts"], 60_000),
      tier("unit", ["test/unit/**/*.test.ts"], 10_000),
      tier("contract", ["test/contract/**/*.test.ts"], 60_000),
      tier("pipeline", ["test/pipeline/**/*.test.ts"], 60_000),
      tier("rehearsal", ["test/rehearsal/**/*.test.ts"], 60_000),
      tier("vm", ["test/vm/**/*.test.ts"], 2_400_000, false),
      tier("full", ["test/full/**/*.test.ts"], 2_400_000, false),
    ],
  },
});
