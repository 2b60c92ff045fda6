/**
 * A kickstart read by pykickstart before anything boots. Which release an ISO is of nobody knows then, so a kickstart is
 * refused only where no release reads it. Its `ksvalidator` is not asked, since that refuses what is merely deprecated,
 * which installers accept.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit } from "../../harness/base/errors.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { providePykickstart } from "./pykickstart.ts";

/** Releases whose commands differ, the newest first: its words are what a person is told. `RHEL` is also CentOS Stream. */
const releases = ["F45", "F40", "RHEL10", "RHEL9", "RHEL8"] as const;

/**
 * Ends with 0 for a release that reads the file, and prints how it ends the machine (pykickstart, constants.py); else prints
 * the first release's error, which has the line's number.
 */
const reader = `
import sys, warnings
warnings.simplefilter("ignore")
from pykickstart.errors import KickstartError
from pykickstart.parser import KickstartParser
from pykickstart.version import makeVersion
path, *releases = sys.argv[1:]
said = ""
for release in releases:
    try:
        handler = makeVersion(release)
        KickstartParser(handler, followIncludes=False).readKickstart(path)
        print(handler.reboot.action)
        sys.exit(0)
    except (KickstartError, UnicodeDecodeError) as error:
        said = said or str(error).strip()
print(said)
sys.exit(1)
`;

/** What is wrong with a kickstart. */
export interface KickstartFault {
  /** The number of its line, from 1; null where that is not said. */
  readonly line: number | null;
  /** The line itself. */
  readonly text: string | null;
  /** What pykickstart says of it, or what is missing. */
  readonly why: string;
  /** Of one that is read, but cannot be used. */
  readonly todo?: string;
}

/** `reboot` and `shutdown` (or `poweroff`); without either, and with `halt`, Anaconda waits for a key. */
const ending = new Set(["1", "2"]);

/** Returns null for a kickstart that some release reads and that ends its machine. Throws HostUnfit where pykickstart cannot be had or does not run. */
export async function kickstartFault(
  text: string,
  options: Parameters<typeof providePykickstart>[0],
): Promise<KickstartFault | null> {
  // It takes in a file of the person's own, by a path that only their installer may know (pykickstart, parser.py).
  if (/^\s*%ksappend\b/m.test(text)) return null;
  const pykickstart = await providePykickstart(options);
  await using workspace = await createWorkspace("kickstart");
  const file = join(workspace.path, "ks.cfg");
  await writeFile(file, text);
  const scratch = join(workspace.path, "tmp");
  await mkdir(scratch);
  const env = { PYTHONPATH: pykickstart, PYTHONDONTWRITEBYTECODE: "1", TMPDIR: scratch };
  const args = ["-c", reader, file, ...releases];
  const how = { env, signal: options.signal, timeoutMs: 60_000 };
  const { exitCode, stdout, stderr } = await attemptCommand("python3", args, how);
  if (exitCode === 0) return ending.has(stdout.trim()) ? null : endlessIn(text);
  if (stdout.trim() !== "") return faultIn(text, stdout);
  const said = stderr.trim().split("\n").slice(-3).join("\n").slice(-500);
  throw new HostUnfit("pykickstart does not run here.", { details: { said } });
}

/** What is taken in from elsewhere may end the machine, and so may a script. */
function endlessIn(kickstart: string): KickstartFault | null {
  const lines = kickstart.split("\n");
  const said = lines.filter((line) => !/^\s*#/.test(line)).join("\n");
  if (/^\s*%include\b|\b(?:reboot|poweroff|shutdown)\b/m.test(said)) return null;
  const at = lines.findIndex((line) => /^\s*halt\b/.test(line));
  const why =
    "it does not end the machine (reboot or poweroff), so the installer would wait for a key";
  const todo = "add a line 'reboot' or 'poweroff'";
  return { line: at < 0 ? null : at + 1, text: lines[at] ?? null, why, todo };
}

/** Reads pykickstart's words (errors.py). Pure. */
export function faultIn(kickstart: string, said: string): KickstartFault {
  const lines = said.split("\n").map((line) => line.trim());
  const at = lines.findIndex((line) => /(?:problem occurred on|reading from) line \d+/.test(line));
  const number = /line (\d+)/.exec(lines[at] ?? "")?.[1];
  const words = lines.slice(at + 1).filter((line) => line !== "");
  return {
    line: number === undefined ? null : Number(number),
    text: number === undefined ? null : (kickstart.split("\n")[Number(number) - 1] ?? null),
    why: (words[0] ?? "").slice(0, 500),
  };
}
