/** `bootgate boards health NAME`: boots the board's known-good image, as a run boots a candidate, and keeps the result. */
import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { MachineFault, UsageError } from "../../base/errors.ts";
import { stampForName } from "../../base/units.ts";
import { type BootPlan, costSpec } from "../../engine/boot.ts";
import { RunClaims } from "../../engine/claims.ts";
import { harnessCredentials } from "../../engine/execute.ts";
import { openHostBudget, takeTold } from "../../engine/host-share.ts";
import { checkMachine, type ImageFinder } from "../../engine/known-good.ts";
import type { TransportChoice } from "../../guest/connect-options.ts";
import type { JobEvent } from "../../log/events.ts";
import { boardNamed, loadBoards } from "../../machine/board/config.ts";
import { readHealth } from "../../machine/board/lease/quarantine.ts";
import { guestCpus } from "../../machine/profile.ts";
import { statesAlone } from "../../states/states.ts";
import { onInterrupt } from "../terminal/interrupt.ts";
import { findGoodImage } from "../wiring/good-image.ts";
import type { RegistryOptions } from "../wiring/image-options.ts";
import { openSession, type Session } from "../wiring/session.ts";
import { type BoardsOptions, tellHealth } from "./boards-command.ts";

export interface HealthOptions extends BoardsOptions, RegistryOptions {
  readonly last?: boolean;
  /** Where the console's log of a board that fails is kept. */
  readonly out: string;
  readonly catalogue?: string;
}

/** A guest of the harness's own choice of memory: a board has what it has. MiB. */
const memoryMiB = 1536;

/**
 * Checks the board and tells what is known then. With `last`, tells only. Throws UsageError for a board without a known-good image,
 * MachineFault for one that does not boot it, and what says nothing of the board as it is.
 */
export async function boardHealth(name: string, options: HealthOptions): Promise<void> {
  if (options.last === true) return tellHealth(name, options);
  const file = await loadBoards(options.boards);
  const { health } = boardNamed(file, name);
  if (health === undefined)
    throw new UsageError(`Board '${name}' does not have a known-good image to boot.`, {
      details: {
        "to do": `give it one in '${file.path}' (health: { image: … }), or see its last checks by --last`,
      },
      lookAt: "docs/boards.md",
    });
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  using interrupt = onInterrupt(say);
  const { signal } = interrupt;
  const choice = {
    machine: [`board:${name}`] as const,
    ...(options.boards === undefined ? {} : { boards: options.boards }),
  };
  await using session = await openSession(say, signal, choice);
  const find = findGoodImage(options, session.drivers, say, signal);
  const directory = resolve(options.out, `health-${name}-${stampForName()}`);
  const fault = await check(session, find, { say, signal, directory });
  if (fault !== null) {
    const { aside, failures } = await readHealth(name);
    const row =
      aside === null ? `${failures} of ${health.failures} in a row` : "the board is set aside";
    throw new MachineFault(
      `Board '${name}' does not boot its known-good image: ${fault.headline}`,
      {
        cause: fault,
        details: { ...fault.details, checks: row },
        lookAt: fault.lookAt ?? directory,
      },
    );
  }
  await tellHealth(name, options);
}

interface CheckOptions {
  /** For the console's log; it stays where the board fails. */
  readonly directory: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

async function check(
  { drivers, key, disks }: Session,
  find: ImageFinder,
  { directory, say, signal }: CheckOptions,
) {
  const [driver] = drivers;
  const transport: TransportChoice = driver.capabilities.has("network") ? "ssh" : "serial";
  const plan: BootPlan = {
    ...{ driver, firmware: "uefi", memoryMiB, cpus: guestCpus, network: "open", key, disks },
    ...harnessCredentials(key, driver, { transport }),
    ...{ start: "cold", timeScale: driver.timeScale, transport, claims: new RunClaims() },
    states: statesAlone({ directory, signal, onReport: () => undefined }),
  };
  // Found before the host's share is taken: it may have to be fetched.
  const { knownGood } = driver;
  if (knownGood === undefined) throw new TypeError("The driver of the board has its image.");
  const image = await find(knownGood.image, knownGood.architecture);
  await using budget = await openHostBudget();
  using _share = await takeTold(budget, driver.cost(costSpec(plan, image)), {
    signal,
    onWait: () =>
      say("  waiting for the board, or for memory of this host, which another run holds"),
  });
  say(`Booting ${image.name} on ${driver.word ?? driver.kind} …`);
  const log = (event: JobEvent): void => {
    if (event.type === "note") say(`  ${event.text}`);
  };
  const fault = await checkMachine({ plan, directory, signal, log }, async () => image);
  if (fault === null) await rm(directory, { recursive: true, force: true });
  return fault;
}
