/**
 * The faults in the journal of a boot: the console's own tables, so that one event is judged alike in both places. The
 * whole journal is looked at, however long: the guest leaves out what can never be a fault, and what is left comes in pages.
 */
import { type BootgateError, CannotTell, CommandFailed, GuestTooSlow } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import { journalFault } from "../../machine/console/journal-fault.ts";
import { commands, journalEnd, shownCommand } from "../commands.ts";
import { excerptEnd } from "../excerpt.ts";
import { type GuestIo, mustExec } from "../guest-io.ts";

export interface JournalFault {
  /** Name of the pattern, as the console's watcher would name it. */
  readonly name: string;
  readonly line: string;
}

const pageBytes = 3 * 1024 * 1024;
/** A journal with more pages of the kernel's and systemd's own lines than this is not read to its end. */
const maxPages = 40;
/** With hardware acceleration. */
const pageTimeoutMs = 120_000;
const maxFaults = 1000;
const maxLine = 4096;

const ending = new RegExp(`^${journalEnd} (\\d{1,3})$`);

/** What was found, and what kept the rest from being read: null where all was read. */
export interface JournalReading {
  readonly faults: readonly JournalFault[];
  readonly unread: BootgateError | null;
}

/**
 * All faults of this boot's journal, oldest first, at most a thousand. What is wrong with reading on keeps what was found
 * before: CommandFailed when journalctl fails, CannotTell when the journal is too long or takes too long, which is not a
 * fault. Throws where the guest is lost.
 */
export async function readJournalFaults(io: GuestIo): Promise<JournalReading> {
  const faults: JournalFault[] = [];
  try {
    await readPages(io, faults);
    return { faults, unread: null };
  } catch (error) {
    if (error instanceof GuestTooSlow)
      return { faults, unread: unread(io, "it takes too long", error) };
    if (error instanceof CommandFailed || error instanceof CannotTell)
      return { faults, unread: error };
    throw error;
  }
}

async function readPages(io: GuestIo, faults: JournalFault[]): Promise<void> {
  let rest = "";
  for (let page = 0; page < maxPages; page++) {
    const command = commands.journalPage({ from: page * pageBytes, bytes: pageBytes });
    const { stdout, stderr } = await mustExec(io, command, {
      timeoutMs: pageTimeoutMs * io.timeScale,
      maxBytes: pageBytes + 64 * 1024,
    });
    const lines = `${rest}${stdout}`.split("\n");
    rest = (lines.pop() ?? "").slice(0, maxLine);
    for (const line of lines) {
      const end = ending.exec(line);
      if (end !== null) return checkEnd(io, { command, exitCode: Number(end[1]), stderr });
      const name = faults.length < maxFaults ? journalFault(line.slice(0, maxLine)) : null;
      if (name !== null) faults.push({ name, line: line.slice(0, 1000) });
    }
    if (Buffer.byteLength(stdout) < pageBytes)
      throw unread(io, "it ended in the middle", undefined, excerptEnd(stderr, 1000));
  }
  const read = formatBytes(maxPages * pageBytes);
  throw unread(io, `what follows the first ${read} of the system's own lines was not looked at`);
}

interface End {
  readonly command: string;
  readonly exitCode: number;
  readonly stderr: string;
}

function checkEnd(io: GuestIo, { command, exitCode, stderr }: End): void {
  if (exitCode === 0) return;
  throw new CommandFailed(`'journalctl' in guest '${io.name}' ended with exit code ${exitCode}.`, {
    details: { command: shownCommand(command), stderr: excerptEnd(stderr, 1000) || undefined },
    lookAt: io.lookAt,
  });
}

const unread = (io: GuestIo, why: string, cause?: GuestTooSlow, stderr = ""): CannotTell =>
  new CannotTell(`The journal of guest '${io.name}' could not be read to its end: ${why}.`, {
    details: { ...cause?.details, stderr: stderr || undefined },
    lookAt: io.lookAt,
    ...(cause === undefined ? {} : { cause }),
  });
