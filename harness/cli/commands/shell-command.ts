/** `bootgate shell`: the same boot as a run's, then a shell in the guest instead of a scenario. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit, UsageError } from "../../base/errors.ts";
import type { ExitCode } from "../../base/exit-code.ts";
import { createWorkspace } from "../../base/workspace.ts";
import { startMachine } from "../../engine/boot.ts";
import { RunClaims } from "../../engine/claims.ts";
import { harnessCredentials } from "../../engine/execute.ts";
import { connectGuest } from "../../guest/connect.ts";
import { openGuestShell } from "../../guest/shell.ts";
import type { Firmware } from "../../machine/machine.ts";
import { guestCpus } from "../../machine/profile.ts";
import { type StateReport, statesAlone } from "../../states/states.ts";
import { onInterrupt } from "../terminal/interrupt.ts";
import { type DriverChoice, openSession, resolveImages } from "../wiring/session.ts";

export interface ShellOptions extends DriverChoice {
  readonly catalogue?: string;
  readonly firmware: readonly Firmware[];
  readonly network: "closed" | "open";
  readonly memory: number;
  readonly cold?: boolean;
}

/** Boots the image and gives a shell; returns 0 when the shell has ended. */
export async function shell(name: string, options: ShellOptions): Promise<ExitCode> {
  const firmware = theOne(options.firmware);
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  using interrupt = onInterrupt(say);
  const { signal } = interrupt;
  await using session = await openSession(say, signal, options);
  const { image } = await resolveImages({ image: name }, options, say, signal);
  if (image === undefined || image.disk === null) {
    throw new UsageError(`The image '${name}' has no installed disk to boot.`);
  }
  await using workspace = await createWorkspace("shell");
  const directory = join(workspace.path, "guest");
  await mkdir(directory);
  const [driver] = session.drivers;
  const { timeScale } = driver;
  say(`Booting ${image.name} (${driver.accelerator}) …`);
  await using machine = await startMachine(
    {
      driver,
      firmware,
      memoryMiB: options.memory,
      cpus: guestCpus,
      network: options.network,
      key: session.key,
      ...harnessCredentials(session.key, driver),
      start: options.cold === true ? "cold" : "fork",
      timeScale,
      claims: new RunClaims(),
      states: statesAlone({ directory, signal, onReport: (report) => sayState(say, report) }),
    },
    {
      name: "shell",
      image,
      forwards: [],
      directory,
      runDirectory: directory,
      signal,
      log: (event) => {
        if (event.type === "boot-stage")
          say(`  ${event.stage} at ${(event.sincePowerOnMs / 1000).toFixed(1)} s`);
        if (event.type === "note") say(`  ${event.text}`);
      },
    },
  );
  await using guest = await connectGuest({
    machine,
    image,
    name: "shell",
    key: session.key,
    signal,
    timeScale,
  });
  const address = await machine.sshAddress(signal);
  say(
    `Logged in to '${guest.name}'. Leave the shell to end the guest; nothing in the image is changed.`,
  );
  if (!process.stdin.isTTY && process.stdin.readableEnded)
    throw new HostUnfit("There is no input for a shell.");
  await openGuestShell({
    address,
    key: session.key,
    signal,
    input: process.stdin,
    output: process.stdout,
  });
  return 0;
}

/** A shell is in one guest, so it is on one firmware. */
function theOne([firmware, ...others]: readonly Firmware[]): Firmware {
  if (firmware !== undefined && others.length === 0) return firmware;
  throw new UsageError("A shell is opened on one firmware; name one by --firmware.");
}

function sayState(say: (line: string) => void, report: StateReport): void {
  if (report.type === "state-started") say(`  making ${report.title}`);
  if (report.type === "state-stage")
    say(`  ${report.stage} at ${(report.sincePowerOnMs / 1000).toFixed(1)} s`);
}
