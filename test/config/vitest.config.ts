// Test tiers are vitest projects; the wall is that nothing but `vm` and `full` boots a machine.
import { defineConfig } from "vitest/config";

interface Tier {
  readonly name: string;
  readonly include: string;
  readonly testTimeout: number;
  /** Its files need the whole machine, one after the other. */
  readonly alone?: boolean;
  /** Files of one worker share a process and what they import; `nothing-left.ts` holds them to leaving nothing behind. */
  readonly shared?: boolean;
  readonly setup?: readonly string[];
}

const minute = 60_000;

const tiers: readonly Tier[] = [
  { name: "check", include: "test/tidy.test.ts", testTimeout: minute },
  {
    name: "unit",
    include: "test/unit/**/*.test.ts",
    testTimeout: minute,
    shared: true,
    setup: ["test/config/no-process.ts"],
  },
  { name: "contract", include: "test/contract/**/*.test.ts", testTimeout: minute, shared: true },
  // Images of every kind: pulled, read, built, installed from, derived.
  { name: "images", include: "test/images/**/*.test.ts", testTimeout: minute, shared: true },
  // Machines, boards and the lines to a guest, each against a counterpart that is real or behaves like it.
  { name: "drivers", include: "test/drivers/**/*.test.ts", testTimeout: minute, shared: true },
  { name: "rehearsal", include: "test/rehearsal/**/*.test.ts", testTimeout: minute, shared: true },
  { name: "pipeline", include: "test/pipeline/**/*.test.ts", testTimeout: minute },
  { name: "vm", include: "test/vm/**/*.test.ts", testTimeout: 40 * minute, alone: true },
  { name: "full", include: "test/full/**/*.test.ts", testTimeout: 40 * minute, alone: true },
];

const projects = tiers.map(
  ({ name, include, testTimeout, alone = false, shared = false, setup = [] }) => ({
    test: {
      name,
      include: [include],
      testTimeout,
      hookTimeout: testTimeout,
      environment: "node" as const,
      fileParallelism: !alone,
      isolate: !shared,
      setupFiles: [...setup, ...(shared ? ["test/config/nothing-left.ts"] : [])],
    },
  }),
);

export default defineConfig({
  root: new URL("../..", import.meta.url).pathname,
  test: {
    projects,
    // One worker a processor; vitest itself would leave one of two idle.
    maxWorkers: "100%",
    // What Vite makes of a module is kept below `node_modules`, by the module's content, so that the next tier and the
    // next run do not make it again: it is a seventh of the unit tier's work.
    experimental: { fsModuleCache: true },
  },
});
