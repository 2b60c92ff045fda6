/** Plays `bootc install` of the stand-in in a world without disks, ostree and root (`standin_install_world.py`). */
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { attemptCommand } from "../../../harness/base/process.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const standin = here("../../../images/reference/standin");

/** A command on a machine; the other keys are facts of its world. */
export interface Case {
  readonly run: readonly string[];
  readonly config?: Record<string, string>;
  readonly files?: Record<string, string>;
  readonly [fact: string]: unknown;
}
/** How it ended: what was said on both streams, which programs were started, what lies on the disk. */
export interface Ended {
  readonly exitCode: number;
  readonly said: string;
  readonly commands: readonly string[];
  readonly kargs: readonly string[];
  readonly files: Record<string, string>;
  readonly boot: string;
  readonly core: string;
}

/** Plays cases, each in a world of its own. */
export async function play(cases: readonly Case[]): Promise<Ended[]> {
  const input = JSON.stringify({ standin, cases });
  const run = await attemptCommand("python3", [here("standin_install_world.py")], {
    input,
  });
  expect(run.stderr).toBe("");
  return JSON.parse(run.stdout) as Ended[];
}

/** Plays one case. */
export async function playOne(one: Case): Promise<Ended> {
  const [ended] = await play([one]);
  if (ended === undefined) throw new Error("The world ended early.");
  return ended;
}
