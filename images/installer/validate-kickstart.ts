/**
 * A kickstart judged by pykickstart's own `ksvalidator` before anything boots. Which release an ISO is of nobody knows then,
 * so a kickstart is refused only where no release accepts it.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { attemptCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { providePykickstart } from "./pykickstart.ts";

/** Releases whose commands differ, the newest first: its words are what a person is told. `RHEL` is also CentOS Stream. */
const releases = ["F45", "F40", "RHEL10", "RHEL9", "RHEL8"] as const;

/** What is wrong with a kickstart. */
export interface KickstartFault {
  /** The number of its line, from 1; null where the validator does not say it. */
  readonly line: number | null;
  /** The line itself. */
  readonly text: string | null;
  /** What the validator says of it. */
  readonly why: string;
}

/** Returns null for a kickstart that some release accepts. Throws HostUnfit where pykickstart cannot be had. */
export async function kickstartFault(
  text: string,
  options: Parameters<typeof providePykickstart>[0],
): Promise<KickstartFault | null> {
  const pykickstart = await providePykickstart(options);
  await using workspace = await createWorkspace("kickstart");
  const file = join(workspace.path, "ks.cfg");
  await writeFile(file, text);
  const scratch = join(workspace.path, "tmp");
  await mkdir(scratch);
  const env = { PYTHONPATH: pykickstart, PYTHONDONTWRITEBYTECODE: "1", TMPDIR: scratch };
  let first: KickstartFault | null = null;
  for (const release of releases) {
    const { exitCode, stdout, stderr } = await attemptCommand(
      "python3",
      [join(pykickstart, "bin", "ksvalidator"), "--version", release, file],
      { env, signal: options.signal, timeoutMs: 60_000 },
    );
    if (exitCode === 0) return null;
    first ??= faultIn(text, `${stdout}\n${stderr}`);
  }
  return first;
}

/** Reads the validator's words (pykickstart, errors.py). Pure. */
export function faultIn(kickstart: string, said: string): KickstartFault {
  const lines = said.split("\n").map((line) => line.trim());
  const at = lines.findIndex((line) => /(?:problem occurred on|reading from) line \d+/.test(line));
  const number = /line (\d+)/.exec(lines[at] ?? "")?.[1];
  const words = lines.slice(at + 1).filter((line) => line !== "" && !/^Checking /.test(line));
  return {
    line: number === undefined ? null : Number(number),
    text: number === undefined ? null : (kickstart.split("\n")[Number(number) - 1] ?? null),
    why: (words[0] ?? "").slice(0, 500),
  };
}
