/** `bootgate shell`: the same boot as a run's, then a shell in the guest instead of a scenario. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Architecture, Image } from "../../../images/image.ts";
import { HostUnfit, UsageError } from "../../base/errors.ts";
import type { ExitCode } from "../../base/exit-code.ts";
import { waitWords } from "../../base/wait-words.ts";
import { createWorkspace } from "../../base/workspace.ts";
import { type BootPlan, costSpec, startMachine } from "../../engine/boot.ts";
import { RunClaims } from "../../engine/claims.ts";
import { harnessCredentials } from "../../engine/execute.ts";
import { openHostBudget, takeTold } from "../../engine/host-share.ts";
import { connectGuest } from "../../guest/connect.ts";
import type { HasOpenLine } from "../../guest/evidence-line.ts";
import type { Guest } from "../../guest/guest.ts";
import { openGuestShell } from "../../guest/shell.ts";
import { sshAddressOf } from "../../guest/ssh/address-of.ts";
import type { SshKey } from "../../guest/ssh/ssh-key.ts";
import type { Firmware, Machine, MachineDriver, Tpm } from "../../machine/machine.ts";
import { guestCpus, speedOf } from "../../machine/profile.ts";
import { type StateReport, statesAlone } from "../../states/states.ts";
import { runLines } from "../terminal/channel-shell.ts";
import { onInterrupt } from "../terminal/interrupt.ts";
import type { DiskOptions } from "../wiring/disk-options.ts";
import { refuseIdleKeys, refuseIdleOptions } from "../wiring/idle-options.ts";
import type { RegistryOptions } from "../wiring/image-options.ts";
import { chooseTransport, type TransportOptions } from "../wiring/machine-options.ts";
import type { DriverChoice } from "../wiring/open-drivers.ts";
import { openSession, resolveImages } from "../wiring/session.ts";
import { askedTpm, type TpmOptions } from "../wiring/tpm-options.ts";
import { wantsOf } from "../wiring/unbootable.ts";

export interface ShellOptions
  extends DriverChoice,
    DiskOptions,
    RegistryOptions,
    TpmOptions,
    TransportOptions {
  readonly secureBootKeys?: string;
  readonly catalogue?: string;
  readonly architecture?: Architecture;
  readonly firmware: readonly Firmware[];
  readonly network: "closed" | "open";
  readonly memory: number;
  readonly cold?: boolean;
}

/** Throws HostUnfit, with the driver's reason, where it makes no machine for the image: nothing of it was fetched then. */
async function requireMachine(
  image: Image | undefined,
  driver: MachineDriver,
  firmware: Firmware,
  tpm: Tpm | undefined,
): Promise<void> {
  if (image === undefined) return;
  const { name, architecture, secureBootKeys } = image;
  const reason = await driver.refuse({ architecture, firmware, secureBootKeys, tpm });
  if (reason === null) return;
  throw new HostUnfit(`The image '${name}' cannot be booted here.`, { details: { reason } });
}

/** Boots the image and gives a shell; returns 0 when the shell has ended. */
export async function shell(name: string, options: ShellOptions): Promise<ExitCode> {
  const firmware = theOne(options.firmware);
  refuseIdleKeys(options.secureBootKeys, [firmware]);
  const transport = chooseTransport(options);
  // Nothing is judged here, and an image at fault is what a person wants to look at.
  const way = transport === "auto" ? "any" : transport;
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  using interrupt = onInterrupt(say);
  const { signal } = interrupt;
  await using session = await openSession(say, signal, options);
  const wants = wantsOf(session.drivers, [firmware], options.secureBootKeys);
  const { image } = await resolveImages({ image: name }, { ...options, wants }, say, signal);
  refuseIdleOptions(options, image);
  const { disks } = session;
  const tpm = await askedTpm(options);
  await requireMachine(image, session.drivers[0], firmware, tpm);
  if (image === undefined || (image.disk === null && (image.oci === null || disks === undefined))) {
    throw new UsageError(`The image '${name}' has no installed disk to boot.`);
  }
  await using workspace = await createWorkspace("shell");
  const directory = join(workspace.path, "guest");
  await mkdir(directory);
  const [driver] = session.drivers;
  const { accelerator, timeScale } = speedOf(driver, image.architecture);
  const plan: BootPlan = {
    ...{ driver, firmware, tpm },
    memoryMiB: options.memory,
    cpus: guestCpus,
    network: options.network,
    key: session.key,
    ...harnessCredentials(session.key, driver, { channel: options.channel, transport }),
    start: options.cold === true ? "cold" : "fork",
    timeScale,
    transport: way,
    claims: new RunClaims(),
    disks,
    states: statesAlone({ directory, signal, onReport: (report) => sayState(say, report) }),
  };
  await using budget = await openHostBudget();
  using _share = await takeTold(budget, driver.cost(costSpec(plan, image)), {
    signal,
    onWait: () => say("  waiting for memory and processors of this host, which other runs hold"),
  });
  say(`Booting ${image.name} (${accelerator}) …`);
  await using machine = await startMachine(plan, {
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
  });
  await using guest = await connectGuest({
    machine,
    image,
    name: "shell",
    key: session.key,
    signal,
    timeScale,
    transport: way,
    onNote: (text) => say(`  ${text}`),
  });
  await converse(guest, machine, { say, signal, key: session.key });
  return 0;
}

const lineWords =
  "each line is a shell of its own, what it says is shown once it has ended, and Ctrl-C ends it. 'exit' or Ctrl-D leaves.";
const overLines = {
  channel: `This is the root channel: ${lineWords}`,
  serial: `This is the serial console: ${lineWords}`,
} as const;
const isExit = (line: string): boolean => line.trim() === "exit";

interface Talk {
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  readonly key: SshKey;
}

/** Gives the terminal to the guest until the shell has ended. */
async function converse(
  { name, openLine }: Guest & HasOpenLine,
  machine: Machine,
  { say, signal, key }: Talk,
): Promise<void> {
  say(`Logged in to '${name}'. Leave the shell to end the guest; nothing in the image is changed.`);
  if (!process.stdin.isTTY && process.stdin.readableEnded)
    throw new HostUnfit("A shell needs an input, which this process does not have.");
  const streams = { input: process.stdin, output: process.stdout };
  if (openLine !== null && openLine.kind !== "ssh") {
    say(overLines[openLine.kind]);
    await runLines({ ...streams, channel: openLine, prompt: "# ", signal, isLast: isExit });
    return;
  }
  const address = await sshAddressOf(machine, signal);
  await openGuestShell({ address, key, signal, ...streams });
}

/** A shell is in one guest, so it is on one firmware. */
function theOne([firmware, ...others]: readonly Firmware[]): Firmware {
  if (firmware !== undefined && others.length === 0) return firmware;
  throw new UsageError("A shell is opened on one firmware; name one by --firmware.");
}

function sayState(say: (line: string) => void, report: StateReport): void {
  if (report.type === "state-waiting")
    say(`  ${waitWords(report.holder, `makes ${report.title}`)}`);
  if (report.type === "state-started") say(`  making ${report.title}`);
  if (report.type === "state-stage")
    say(`  ${report.stage} at ${(report.sincePowerOnMs / 1000).toFixed(1)} s`);
}
