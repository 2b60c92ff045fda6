/**
 * Puts a machine together from files that are ready: the common end of a cold start and of a fork. What both share of
 * the host (emulator, accelerator, limits) is one value, settled once when the driver is made.
 */

import { mkdir, writeFile } from "node:fs/promises";
import { arch } from "node:os";
import { join, resolve } from "node:path";
import type { Architecture } from "../../../images/image.ts";
import { UsageError } from "../../base/errors.ts";
import { freePort } from "../../base/free-port.ts";
import { sampleHost } from "../../base/host-health.ts";
import type { Workspace } from "../../base/workspace.ts";
import { ConsoleLog } from "../console/console-log.ts";
import type { WatcherOptions } from "../console/console-watcher.ts";
import type { CreateOptions, MachineSpec } from "../machine.ts";
import type { Accelerator } from "./accelerator.ts";
import { deviationsOf, type Typed } from "./deviations.ts";
import type { Emulator } from "./emulator.ts";
import type { ArchitectureFacts } from "./facts.ts";
import type { FindVariablesProgram } from "./own-keys.ts";
import type { AttachedDisk, FirmwareFiles, QemuLayout } from "./qemu-argv.ts";
import { QemuMachine } from "./qemu-machine.ts";
import { tpmSocketIn } from "./tpm.ts";

/** What the parts of the driver share for machines of one architecture. */
export interface QemuHost {
  readonly emulator: Emulator;
  readonly facts: ArchitectureFacts;
  readonly accelerator: Accelerator;
  /** How the accelerator was found, one sentence. */
  readonly reason: string;
  readonly limits: WatcherOptions;
  readonly forwardCommand: readonly string[] | null;
  readonly firmwareFolders: readonly string[];
  readonly cacheDir: string;
  /** Absent: `virt-fw-vars` on the path. */
  readonly variablesProgram?: FindVariablesProgram | undefined;
  /** What the TPM of a machine is: `swtpm`. */
  readonly tpmProgram: string;
  readonly greetingMs: number;
  readonly maxConsoleBytes: number;
  readonly onProgress: (line: string) => void;
}

/** The parts for machines of an architecture, found when the first of them is asked for. */
export type HostOf = (architecture: Architecture) => Promise<QemuHost>;

/** File name of the variable store in a workspace and in a template. */
export const varsName = "vars.fd";

export interface AssembleOptions extends CreateOptions {
  readonly workspace: Workspace;
  readonly files: {
    readonly disks: readonly AttachedDisk[];
    readonly firmware: FirmwareFiles;
    readonly forkedMemory: string | null;
  };
  readonly start: "cold" | "fork";
  /** While the template of a fork booted. */
  readonly typed?: readonly Typed[];
  readonly release?: () => Promise<void>;
}

/** Puts a machine together from files that are ready: the common end of a cold start and of a fork. */
export async function assembleMachine(
  host: QemuHost,
  spec: MachineSpec,
  { workspace, files, start, typed, directory, release }: AssembleOptions,
): Promise<QemuMachine> {
  const path = resolve(directory, "console.log");
  const layout: QemuLayout = {
    name: spec.name,
    facts: host.facts,
    accelerator: host.accelerator,
    emulation: { version: host.emulator.version, hostArchitecture: arch() },
    memoryMiB: spec.memoryMiB,
    cpus: spec.cpus,
    ...files,
    diskBus: spec.diskBus,
    directBoot: spec.directBoot,
    rebootEnds: spec.rebootEnds,
    logPort: spec.logPort,
    network: {
      open: spec.network === "open",
      sshPort: await freePort(),
      forwards: spec.forwards,
      forwardCommand: host.forwardCommand ?? [],
    },
    credentialFiles: await writeCredentials(spec, workspace.path),
    givenMemory: false,
    monitorSocket: join(workspace.sockets, "qmp"),
    ...(spec.tpm === undefined ? {} : { tpmSocket: tpmSocketIn(workspace) }),
    consoleFile: path,
    channelSocket: spec.channel === true ? join(workspace.sockets, "channel") : null,
  };
  return new QemuMachine({
    spec,
    binary: host.emulator.binary,
    tpmProgram: host.tpmProgram,
    layout,
    workspace,
    directory,
    console: new ConsoleLog({
      ...host.limits,
      path,
      name: spec.name,
      passphrase: spec.passphrase,
      sampleHost,
    }),
    greetingMs: host.greetingMs,
    maxConsoleBytes: host.maxConsoleBytes,
    start,
    deviations: deviationsOf(spec, { accelerator: host.accelerator, start, typed }),
    onProgress: host.onProgress,
    release: release ?? (async () => undefined),
  });
}

/** All SMBIOS strings share one table of 64 KiB (SMBIOS 2.x entry point). */
const maxCredentials = 48 * 1024;

/** Each credential as the SMBIOS string that systemd reads (systemd.system-credentials(7), "SMBIOS OEM"). Throws UsageError for what cannot be one. */
export function credentialStrings({
  name,
  credentials,
}: Pick<MachineSpec, "name" | "credentials">): string[] {
  const entries = Object.entries(credentials).sort(([a], [b]) => (a < b ? -1 : 1));
  const strings = entries.map(([key, value]) => {
    if (!/^[A-Za-z0-9_.-]{1,200}$/.test(key))
      throw new UsageError(`'${key.slice(0, 80)}' cannot be the name of a credential.`);
    return `io.systemd.credential.binary:${key}=${Buffer.from(value).toString("base64")}`;
  });
  if (strings.join("").length > maxCredentials)
    throw new UsageError(
      `The credentials of machine '${name}' are larger than ${maxCredentials} bytes.`,
    );
  return strings;
}

/** Files, since argv is public and short. */
async function writeCredentials(spec: MachineSpec, folder: string): Promise<string[]> {
  const strings = credentialStrings(spec);
  const into = join(folder, "credentials");
  if (strings.length > 0) await mkdir(into, { mode: 0o700 });
  const paths = strings.map((_, index) => join(into, String(index)));
  await Promise.all(
    strings.map((text, index) => writeFile(paths[index] ?? "", text, { mode: 0o600 })),
  );
  return paths;
}
