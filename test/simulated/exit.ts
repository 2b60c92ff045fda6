/** How a program of the simulated guest ends. */

export interface Answer {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
  /** What happens to the machine once the answer is on its way. */
  readonly afterwards?: "reboot" | "poweroff";
}

export const ok = (stdout = ""): Answer => ({ stdout, stderr: "", exitCode: 0 });
export const bad = (exitCode: number, stderr: string): Answer => ({
  stdout: "",
  stderr: `${stderr}\n`,
  exitCode,
});
