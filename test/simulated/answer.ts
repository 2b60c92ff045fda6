/** What a program of the simulated guest is called with and what it answers. */
import type { SimulatedFiles } from "./file-system.ts";
import type { MountState, SimulatedSystem } from "./system.ts";

export interface Answer {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
  /** What happens to the machine once the answer is on its way. */
  readonly afterwards?: "reboot" | "poweroff";
}

export interface Call {
  readonly args: readonly string[];
  readonly input: string;
  readonly system: SimulatedSystem;
  readonly files: SimulatedFiles;
  /** Of this process's mount namespace. */
  readonly mounts: MountState;
}

export const ok = (stdout = ""): Answer => ({ stdout, stderr: "", exitCode: 0 });
export const bad = (exitCode: number, stderr: string): Answer => ({
  stdout: "",
  stderr: `${stderr}\n`,
  exitCode,
});
