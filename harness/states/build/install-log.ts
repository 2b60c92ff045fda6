/** An installer followed by what it writes: its phases as they come, and its words, which are kept however it ends. */
import { stat } from "node:fs/promises";
import { CannotTell } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import { followLines } from "../follow-lines.ts";
import { installPhase } from "./install-words.ts";

/** Most that is kept of what an installer says, characters. */
const maxKept = 1024 * 1024;

export interface InstallerFollower {
  /** What was said since it began, the beginning cut off where it is more than a megabyte. */
  said(): string;
  /** Reads what is left. Never throws. */
  stop(): Promise<void>;
}

/** Follows a file from its present end; `tell` is called with each phase once, as its line comes. */
export function followInstaller(path: string, tell: (stage: string) => void): InstallerFollower {
  let told = "";
  let said = "";
  const follower = followLines(path, (line) => {
    said = `${said}${line}\n`;
    if (said.length > 2 * maxKept) said = said.slice(-maxKept);
    const phase = installPhase(line);
    if (phase === null || phase === told) return;
    told = phase;
    tell(`install: ${phase}`);
  });
  return { said: () => said.slice(-maxKept), stop: () => follower.stop() };
}

/** A word that changes while an installer works: how much is on the disk, and how much was said. For a watchdog. */
export async function sizesOf(disk: string, log: string): Promise<string> {
  const [written, said] = await Promise.all([stat(disk), stat(log)]);
  return `${written.blocks} ${said.size}`;
}

/** Why a watchdog ended an installation. */
export const stoodStill = (name: string, limitMs: number, lookAt: string): CannotTell =>
  new CannotTell(`The installation of '${name}' stood still.`, {
    details: {
      why: `for ${formatDuration(limitMs)} neither the disk grew nor did the installer say anything`,
    },
    lookAt,
  });
