/**
 * Evidence of a failure, taken at the throw while the guest still stands: journal, failed units, bootc's status and a
 * picture of the screen. The console is on disk from power-on anyway. Taking evidence never throws and never takes long.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Guest } from "../guest/guest.ts";
import type { JobEvent } from "../log/events.ts";
import type { Machine } from "../machine/machine.ts";

export interface EvidenceSource {
  readonly name: string;
  readonly machine: Machine;
  /** Null while the guest has not answered yet. */
  readonly guest: Guest | null;
  /** Folder of this guest in the run directory. */
  readonly directory: string;
}

const inGuest: readonly { kind: string; file: string; command: string }[] = [
  {
    kind: "journal",
    file: "journal.txt",
    command: "journalctl -b -o short-monotonic --no-pager -n 3000",
  },
  {
    kind: "failed-units",
    file: "failed-units.txt",
    command: "systemctl list-units --failed --plain --no-legend --no-pager",
  },
  { kind: "bootc-status", file: "bootc-status.json", command: "bootc status --format=json" },
];

/** Writes all that can be had and logs one event a file. */
export async function takeEvidence(
  source: EvidenceSource,
  runDirectory: string,
  log: (event: JobEvent) => void,
  timeoutMs: number,
): Promise<void> {
  const keep = (kind: string, path: string): void =>
    log({ type: "evidence", kind, path: relative(runDirectory, path) });
  keep("console", source.machine.console.path);
  await mkdir(source.directory, { recursive: true });
  const { guest, machine } = source;
  const fromGuest = guest === null ? [] : inGuest;
  for (const { kind, file, command } of fromGuest) {
    try {
      const result = await guest?.exec(command, { timeoutMs });
      if (result === undefined || result.exitCode === null) break;
      const path = join(source.directory, file);
      await writeFile(path, result.stdout === "" ? result.stderr : result.stdout);
      keep(kind, path);
    } catch {
      // A guest that does not answer any more cannot give the rest either.
      break;
    }
  }
  if (machine.screen === null) return;
  const picture = join(source.directory, "screen.png");
  try {
    await machine.screen.screenshot(picture, AbortSignal.timeout(10_000));
    keep("screenshot", picture);
  } catch {
    // A machine that has died has no screen; the error that is on its way says so.
  }
}
