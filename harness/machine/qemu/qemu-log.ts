/** What QEMU said at its end, kept beside the console for a person. */
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { MachineFault } from "../../base/errors.ts";
import type { ExitFacts } from "../../base/process.ts";
import type { MachineSpec } from "../machine.ts";
import { exitDetails, QemuEndedEarly } from "./qemu-process.ts";

interface Logged {
  readonly spec: Pick<MachineSpec, "name">;
  readonly directory: string;
}

/** Adds QEMU's own words and how it ended to `qemu.log`. Never throws. */
export async function keepLog({ directory }: Logged, facts: ExitFacts): Promise<void> {
  const { ended } = exitDetails(facts);
  const text = `${facts.stderrTail}qemu ended: ${ended}\n`;
  await appendFile(join(directory, "qemu.log"), text).catch(() => undefined);
}

/** The error with the place where QEMU's own words are kept by then. */
export async function located(machine: Logged, error: unknown): Promise<unknown> {
  if (!(error instanceof QemuEndedEarly)) return error;
  await keepLog(machine, error.facts);
  const lookAt = join(machine.directory, "qemu.log");
  const how = { details: error.details, lookAt, cause: error };
  return new MachineFault(`QEMU of machine '${machine.spec.name}' did not start.`, how);
}
