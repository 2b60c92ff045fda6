/** systemd's view of the guest: parsers are pure, the reader runs the commands. */
import { CannotTell, ExpectationFailed, GuestTooSlow, quoting } from "../../base/errors.ts";
import type { MachineSpec } from "../../machine/machine.ts";
import { channelUnit } from "../channel/unit.ts";
import { commands, shownCommand } from "../commands.ts";
import { excerptStart } from "../excerpt.ts";
import { type GuestIo, mustExec, requireSuccess } from "../guest-io.ts";
import { networkAdvice } from "../network-advice.ts";
import { allWantedTold } from "../ssh-commands.ts";
import { type JournalReading, readJournalFaults } from "./journal.ts";
import { parseBlocks } from "./properties.ts";
import { awaitSeat, parseDriveWrites, type SeatWord } from "./seat.ts";

export interface SystemdReader {
  /** Waits until start-up has ended and returns `systemctl is-system-running`'s word: running, degraded, … */
  settled(): Promise<string>;
  /** Units in state failed, but for what is only there because the harness wished for it. */
  failedUnits(): Promise<readonly string[]>;
  /** Those others: the harness's own, and an sshd that the image leaves off. */
  failedByWish(): Promise<readonly string[]>;
  /** Units that are still activating and were restarted twice or more. */
  stuckUnits(): Promise<readonly string[]>;
  /** Those of the units that are ordered after `network-online.target` or want it, or wait for the time of a server. */
  needNetwork(units: readonly string[]): Promise<readonly string[]>;
  /** Journal lines (`journalctl -o short-monotonic`), newest last. `boot` is an offset: 0 this boot, -1 the last. */
  journal(query: {
    readonly boot?: number;
    readonly unit?: string;
    readonly priority?: string;
    readonly lines?: number;
  }): Promise<readonly string[]>;
  /**
   * Waits until somebody is logged in on the first seat, an installer runs, or a login screen stands there. Throws ExpectationFailed
   * where nothing can bring one any more, CannotTell where that cannot be told.
   */
  seat(): Promise<SeatWord>;
  /** CD drives that were written to since boot. */
  writtenDrives(): Promise<readonly string[]>;
  /** What in the whole journal of this boot is in no healthy one's, and why a part of it could not be looked at. */
  journalFaults(): Promise<JournalReading>;
}

/** Words of `systemctl is-system-running` (systemctl(1)). */
const systemStates = [
  "initializing",
  "starting",
  "running",
  "degraded",
  "maintenance",
  "stopping",
  "offline",
  "unknown",
];

/** Unit names of `systemctl list-units --plain --no-legend`: the first word of each line. */
export function parseUnitList(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/^[\s●×*]+/, "").split(/\s+/)[0] ?? "")
    .filter((unit) => unit.includes("."));
}

/** Units that are still activating and were restarted twice or more, of `systemctl show` blocks parted by empty lines. */
export function parseStuckUnits(text: string): string[] {
  return parseBlocks(text)
    .filter(({ ActiveState, NRestarts }) => ActiveState === "activating" && Number(NRestarts) >= 2)
    .map(({ Id }) => Id ?? "unknown");
}

/** How many units are asked about at once; a broken image may have thousands that failed. */
const askAtMost = 200;

/**
 * Units that do nothing but wait for what lies outside: the clock of a server (chrony, systemd, ntp), the network itself, which is
 * ordered before network-online.target (NetworkManager, systemd, ifupdown), a server that unlocks a disk (clevis).
 */
const waitsOutside =
  /^(?:chrony-wait|systemd-time-wait-sync|ntp-wait|(?:NetworkManager|systemd-networkd|ifupdown)-wait-online(?:@.*)?|clevis-luks-askpass)\.service$/;

/** Units whose `systemctl show` block names network-online.target (systemd.special(7)) among what they need. */
export function parseNeedNetwork(text: string): string[] {
  return parseBlocks(text)
    .filter(
      ({ Id, After, Wants, Requires }) =>
        waitsOutside.test(Id ?? "") ||
        `${After} ${Wants} ${Requires}`.split(" ").includes("network-online.target"),
    )
    .flatMap(({ Id }) => Id ?? []);
}

/** Journal lines without journalctl's own remarks (`-- No entries --`, `-- Boot … --`). */
export function parseJournal(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !/^-- .* --$/.test(line));
}

/** What journalctl says where an older boot left no journal; that is an empty answer, not a failure. */
const noSuchBoot =
  /No journal boot entry found|no persistent journal was found|Data from the specified boot .{0,80} is not available|No journal files were found/;

/** How long start-up may take once SSH answers; with hardware acceleration. Milliseconds. */
export const settleTimeoutMs = 120_000;

/** Units that run now, of `systemctl list-jobs --no-legend`: number, unit, what is done, how far. */
export const parseRunningJobs = (text: string): string[] =>
  text.split("\n").flatMap((line) => /^\s*\d+ (\S+) \S+ running\s*$/.exec(line)?.[1] ?? []);

/** Words of `commands.sshEnabled` for units by which an image starts sshd by itself (systemctl(1), is-enabled). */
const startsByItself = /^(?:enabled|enabled-runtime|alias|static|generated|linked)$/m;

/** Whether an sshd that runs, or tried to, does so by the harness's wish alone; false where `commands.sshEnabled` told nothing. */
export const isSshdWished = (enabled: string): boolean =>
  enabled.trim() !== "" && !startsByItself.test(enabled);

/**
 * The same, asked of a guest: a link or a line of the image's own starts what `is-enabled` calls disabled. False where the guest did
 * not tell all of it, as one that is too slow.
 */
export const askSshdWished = async (ask: (command: string) => Promise<string>): Promise<boolean> =>
  isSshdWished(await ask(commands.sshEnabled)) &&
  (await ask(commands.sshWanted)).trim() === allWantedTold;

/** What sshd is made of: it, its socket, and what makes its host keys (Fedora's and Debian's openssh-server). */
const ofSshd = /^(?:sshd?\.(?:service|socket)|sshd-keygen(?:@.*)?\.(?:service|target))$/;

/** systemd in this guest. `network`: whether the harness has closed it. */
export function createSystemd(
  io: GuestIo,
  network: MachineSpec["network"] = "open",
): SystemdReader {
  const needNetwork = async (units: readonly string[]): Promise<readonly string[]> => {
    const asked = units.filter((unit) => unit.length <= 300).slice(0, askAtMost);
    if (asked.length === 0) return [];
    // Where it cannot be told, nothing is excused.
    return parseNeedNetwork(
      (await io.exec(commands.unitProperties("Id,After,Wants,Requires", asked))).stdout,
    );
  };
  /** What becomes of the harness's own unit is not the image's doing, nor of an sshd that the image leaves off and the harness wished for. */
  const ofImage = async (units: readonly string[]): Promise<readonly string[]> => {
    const others = units.filter((unit) => unit !== channelUnit);
    if (!others.some((unit) => ofSshd.test(unit))) return others;
    const isWished = await askSshdWished(async (command) => (await io.exec(command)).stdout);
    return isWished ? others.filter((unit) => !ofSshd.test(unit)) : others;
  };
  const failed = async (): Promise<readonly string[]> =>
    parseUnitList((await mustExec(io, commands.failedUnits)).stdout);
  return {
    async settled() {
      const timeoutMs = settleTimeoutMs * io.timeScale;
      // Exit codes other than 0 only repeat the word.
      const result = await io.exec(commands.systemState, { timeoutMs }).catch(async (error) => {
        if (!(error instanceof GuestTooSlow) || network === "open") throw error;
        // A guest that does not tell is as slow as it was. Where the way to it is lost, nobody knows whether it waited for the network.
        const orAsSlow = (second: unknown): never => {
          throw second instanceof GuestTooSlow ? error : second;
        };
        const jobs = await io.exec(commands.jobs).catch(orAsSlow);
        const waiting = parseRunningJobs(jobs.stdout);
        const needing = await needNetwork(waiting).catch(orAsSlow);
        if (needing.length === 0 || needing.length < waiting.length) throw error;
        throw startsForNetwork(io, needing, error);
      });
      const word = result.stdout.trim();
      if (systemStates.includes(word)) return word;
      if (result.exitCode !== 0 && word === "") requireSuccess(io, result);
      throw new ExpectationFailed(
        `'${shownCommand(commands.systemState)}' in guest '${io.name}' did not say a state that systemd has.`,
        { details: { got: excerptStart(result.stdout, 300) || "nothing" } },
      );
    },
    failedUnits: async () => ofImage(await failed()),
    async failedByWish() {
      const all = await failed();
      const own = await ofImage(all);
      return all.filter((unit) => !own.includes(unit));
    },
    stuckUnits: async () =>
      ofImage(parseStuckUnits((await mustExec(io, commands.serviceRestarts)).stdout)),
    needNetwork,
    seat: () => awaitSeat(io),
    writtenDrives: async () =>
      parseDriveWrites((await mustExec(io, commands.driveStatistics)).stdout).flatMap(
        ({ drive, sectors }) => (sectors > 0 ? [drive] : []),
      ),
    journalFaults: () => readJournalFaults(io),
    async journal(query) {
      const result = await io.exec(commands.journal(query));
      const older = query.boot !== undefined && query.boot !== 0;
      if (older && result.exitCode === 1 && noSuchBoot.test(result.stderr)) return [];
      return parseJournal(requireSuccess(io, result).stdout);
    },
  };
}

/** The error for a start-up that does not end because all that still runs needs what the harness keeps from it. */
const startsForNetwork = (
  { name, lookAt }: GuestIo,
  units: readonly string[],
  cause: GuestTooSlow,
): CannotTell =>
  new CannotTell(
    quoting`The start-up of guest '${name}' did not end: ${units.slice(0, 5).join(", ")} still waited for a network that the harness has closed.`,
    { cause, details: { "to do": networkAdvice }, lookAt },
  );
