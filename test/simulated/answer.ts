/** What a program of the simulated guest is called with and what it answers. */
export { type Answer, bad, ok } from "./exit.ts";

import type { SimulatedFiles } from "./file-system.ts";
import type { MountState, SimulatedSystem } from "./system.ts";

export interface Call {
  readonly args: readonly string[];
  readonly input: string;
  readonly system: SimulatedSystem;
  readonly files: SimulatedFiles;
  /** Of this process's mount namespace. */
  readonly mounts: MountState;
}
