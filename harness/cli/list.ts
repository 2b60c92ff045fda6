/** `bootgate list`: the scenarios, readable without running anything. */
import { discoverScenarios } from "../discover.ts";

/** Prints all scenarios, one a line or as JSON. */
export async function list(options: { readonly json?: boolean }): Promise<void> {
  const scenarios = await discoverScenarios();
  if (options.json === true) {
    const rows = scenarios.map(({ id, definition }) => ({
      id,
      summary: definition.summary,
      suites: definition.suites ?? ["gate", "full"],
      needs: definition.needs,
      start: definition.start ?? "fork",
      timeoutMinutes: definition.timeoutMinutes,
    }));
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  const width = Math.max(...scenarios.map(({ id }) => id.length));
  for (const { id, definition } of scenarios) {
    process.stdout.write(`${id.padEnd(width)}  ${definition.summary}\n`);
  }
}
