/**
 * What of a desktop systemd knows: whether the system starts one by default, and the display manager, whichever it is: its unit is the one
 * that the alias display-manager.service leads to (systemd.special(7)). Who sits at it is in `seat.ts`.
 */
import { setTimeout as pause } from "node:timers/promises";
import { commands } from "../commands.ts";
import { type GuestIo, mustExec } from "../guest-io.ts";
import { parseBlocks } from "./properties.ts";
import { parseRunningJobs } from "./systemd.ts";

const alias = "display-manager.service";
const target = "graphical.target";

export interface DisplayManager {
  /** Its own name: `gdm.service`. */
  readonly unit: string;
  /** `loaded`, `masked`, `bad-setting`, … */
  readonly loadState: string;
  readonly state: string;
  readonly result: string;
  /** How often systemd started it again. */
  readonly restarts: number;
}

export interface Desktop {
  /** What the system starts by default: `graphical.target`. */
  readonly defaultTarget: string;
  /** `ActiveState` of graphical.target. */
  readonly graphical: string;
  /** Null where no unit has the alias. */
  readonly manager: DisplayManager | null;
  /** Units that systemd starts at this moment. */
  readonly starting: readonly string[];
}

/** Reads blocks of `systemctl show` about the alias and graphical.target, in whichever order. Pure. */
export function parseDesktop(shown: string, jobs: string, defaultTarget: string): Desktop {
  const blocks = parseBlocks(shown);
  const graphical = blocks.find(({ Id }) => Id === target);
  const unit = blocks.find(({ Id }) => Id !== target);
  const isThere = unit !== undefined && unit["LoadState"] !== "not-found";
  return {
    defaultTarget: defaultTarget.trim(),
    graphical: graphical?.["ActiveState"] ?? "unknown",
    starting: parseRunningJobs(jobs),
    manager: isThere
      ? {
          unit: unit["Id"] ?? alias,
          loadState: unit["LoadState"] ?? "unknown",
          state: unit["ActiveState"] ?? "unknown",
          result: unit["Result"] ?? "unknown",
          restarts: Number(unit["NRestarts"] ?? 0),
        }
      : null,
  };
}

/** Asks once. Throws CommandFailed where systemd cannot be asked. */
export async function readDesktop(io: GuestIo): Promise<Desktop> {
  const say = async (command: string): Promise<string> => (await mustExec(io, command)).stdout;
  return parseDesktop(
    await say(
      commands.unitProperties("Id,LoadState,ActiveState,SubState,Result,NRestarts", [
        alias,
        target,
      ]),
    ),
    await say(commands.jobs),
    await say(commands.defaultTarget),
  );
}

/** With hardware acceleration. Milliseconds. */
const limitMs = 90_000;
const lookMs = 500;

/** Waits until the display manager runs, has failed, or is not on its way at all; at the latest until its time is over. Returns what there is then. */
export async function awaitDesktop(io: GuestIo): Promise<Desktop> {
  const endsAt = performance.now() + limitMs * io.timeScale;
  for (;;) {
    const desktop = await readDesktop(io);
    const { state } = desktop.manager ?? { state: "inactive" };
    const isBusy = desktop.starting.length > 0;
    if (state === "active" || state === "failed" || (state === "inactive" && !isBusy))
      return desktop;
    if (performance.now() >= endsAt) return desktop;
    await pause(lookMs * io.timeScale);
  }
}
