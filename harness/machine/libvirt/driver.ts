/**
 * Machines by libvirt: domains of a daemon that a host has anyway, of the user's session or of the system. What is slow or
 * doubtful (the daemon, its QEMU, the accelerator) is settled first.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { HostUnfit, UsageError } from "../../base/errors.ts";
import { freePort } from "../../base/free-port.ts";
import { sampleHost } from "../../base/host-health.ts";
import { createWorkspace, ownerLabel } from "../../base/workspace.ts";
import { ConsoleLog } from "../console/console-log.ts";
import { defaultLimits, type WatcherOptions } from "../console/console-watcher.ts";
import type { CreateOptions, Machine, MachineDriver, MachineSpec } from "../machine.ts";
import { consolePatience, timeScaleOf } from "../profile.ts";
import type { Accelerator } from "../qemu/accelerator.ts";
import { credentialStrings } from "../qemu/assemble.ts";
import { deviationsOf } from "../qemu/deviations.ts";
import { prepareDisks } from "../qemu/disks.ts";
import { checkNames, costOfGuest, emulatorMiB, registryAddress } from "../qemu/driver.ts";
import { type Emulator, findEmulator, findForwardCommand } from "../qemu/emulator.ts";
import { architectureFacts } from "../qemu/facts.ts";
import { emulationThreads } from "../qemu/version.ts";
import { type DomainAnswer, findDomainAccelerator } from "./accelerator.ts";
import { LibvirtMachine } from "./libvirt-machine.ts";
import { reapDomains, rememberUri } from "./reap.ts";
import { defaultUri, Virsh } from "./virsh.ts";

export interface LibvirtDriverOptions {
  /** Absent: the one that virsh itself takes. */
  readonly uri?: string;
  readonly cacheDir: string;
  readonly accelerator?: Accelerator;
  readonly probeMs?: number;
  readonly probeKernel?: string;
  /** Another program than the `virsh` on the path. */
  readonly virsh?: string;
  readonly limits?: WatcherOptions;
  readonly eventMs?: number;
  readonly startMs?: number;
  readonly maxConsoleBytes?: number;
  readonly onProgress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface LibvirtDriver extends MachineDriver {
  readonly kind: "libvirt";
  readonly uri: string;
  readonly accelerator: Accelerator;
  /** How the accelerator was found, one sentence. */
  readonly acceleratorReason: string;
  /** Of its QEMU and of libvirt. */
  readonly version: string;
}

interface LibvirtHost {
  readonly virsh: Virsh;
  readonly cacheDir: string;
  readonly emulator: Emulator;
  readonly answer: DomainAnswer;
  readonly forwardCommand: readonly string[] | null;
  readonly limits: WatcherOptions;
  readonly budgets: { readonly eventMs: number; readonly startMs: number };
  readonly maxConsoleBytes: number;
  readonly onProgress: (line: string) => void;
}

/** Memory of what serves a domain's disks, network and console, beside that of its QEMU. Measured, rounded up. */
const serversMiB = 120;

/** Settles daemon, emulator and accelerator. Throws UsageError for a URI that is not one of QEMU's, and HostUnfit for what the host lacks. */
export async function createLibvirtDriver(options: LibvirtDriverOptions): Promise<LibvirtDriver> {
  const signal = options.signal ?? new AbortController().signal;
  const uri = options.uri ?? (await defaultUri(signal, options.virsh));
  requireQemuUri(uri);
  const facts = architectureFacts.x86_64;
  if (facts === undefined) throw new HostUnfit("libvirt has no machine for x86_64 here.");
  const virsh = new Virsh(uri, options.virsh);
  const versions = await virsh.run(["version"], signal);
  await requireThisHost(virsh, signal);
  await rememberUri(options.cacheDir, uri);
  const { removed, stuck } = await reapDomains(virsh, options.cacheDir, signal);
  const told = removed.map((name) => `removed the domain ${name}, which a killed run left behind`);
  for (const line of [...told, ...stuck]) options.onProgress?.(line);
  const emulator = await findEmulator(facts, { signal });
  const answer = await findDomainAccelerator(virsh, { ...options, emulator, facts, signal });
  const timeScale = timeScaleOf(answer.accelerator);
  const host: LibvirtHost = {
    virsh,
    cacheDir: options.cacheDir,
    emulator,
    answer,
    forwardCommand: await findForwardCommand(),
    limits: options.limits ?? defaultLimits(consolePatience(timeScale)),
    budgets: { eventMs: options.eventMs ?? 15_000, startMs: options.startMs ?? 120_000 },
    maxConsoleBytes: options.maxConsoleBytes ?? 1024 ** 3,
    onProgress: options.onProgress ?? (() => undefined),
  };
  return {
    kind: "libvirt",
    word: `libvirt:${uri}`,
    uri,
    accelerator: answer.accelerator,
    acceleratorReason: answer.reason,
    version: versionWords(versions),
    timeScale,
    registry: registryAddress,
    sectorBytes: (firmware) => (firmware === "bios" ? [512] : [512, 4096]),
    capabilities: new Set([
      ...(["power", "keys", "network", "services"] as const),
      ...(["more-disks", "screenshot"] as const),
    ]),
    templates: null,
    refuse: (spec) => refuse(host, spec, signal),
    cost: (spec) => costOfGuest(spec, emulatorMiB + serversMiB),
    create: (spec, create) => createMachine(host, spec, create),
  };
}

/** Throws UsageError for what is not a URI of libvirt's driver for QEMU. */
function requireQemuUri(uri: string): void {
  if (
    /^qemu(?:\+[a-z0-9]{1,20})?:\/\/[\w@.:[\]%-]*\/(?:system|session)(?:\?[\x21-\x7e]*)?$/.test(uri)
  )
    return;
  throw new UsageError(`'${uri.slice(0, 200)}' is not a URI of libvirt's driver for QEMU.`, {
    details: { expected: "qemu:///session, qemu:///system, or qemu+ssh://USER@HOST/system" },
  });
}

/** Disks, network and console of a domain are on this host's loopback. Throws HostUnfit for libvirt on another host. */
async function requireThisHost(virsh: Virsh, signal: AbortSignal): Promise<void> {
  const there = (await virsh.run(["hostname"], signal)).trim();
  const here = hostname();
  const short = (name: string): string => name.split(".")[0] ?? name;
  if (there === here || short(there) === short(here)) return;
  throw new HostUnfit(`libvirt at '${virsh.uri}' is on another host ('${there}').`, {
    details: {
      "why not":
        "its domains would reach disks, network and console on the loopback of that host, and bootgate serves them on this one",
      "to do": "run bootgate on that host, with qemu:///system or qemu:///session",
    },
  });
}

/** `10.0.2 (libvirt 9.0.0)`: of QEMU and of libvirt, by what `virsh version` says. */
export function versionWords(said: string): string {
  const hypervisor = /Running hypervisor: QEMU (\d[\d.]{0,20})/.exec(said)?.[1] ?? "?";
  const library = /Using library: libvirt (\d[\d.]{0,20})/.exec(said)?.[1] ?? "?";
  return `${hypervisor} (libvirt ${library})`;
}

async function refuse(
  { virsh }: LibvirtHost,
  { architecture, firmware, secureBootKeys }: Parameters<MachineDriver["refuse"]>[0],
  signal: AbortSignal,
): Promise<string | null> {
  if (architecture !== "x86_64") return `The libvirt driver makes no ${architecture} machines yet.`;
  if (firmware === "bios") return null;
  if (firmware === "uefi-secure-boot" && secureBootKeys !== undefined)
    return "The firmware of libvirt's machines cannot be given keys; that of QEMU's own can (--machine qemu).";
  const known = await virsh.run(["domcapabilities", "--machine", "q35"], signal);
  if (!/<enum name='firmware'>[\s\S]*?<value>efi<\/value>/.test(known))
    return `libvirt at '${virsh.uri}' does not know UEFI firmware (apt install ovmf, or dnf install edk2-ovmf).`;
  const isSecure = /<enum name='secure'>[\s\S]*?<value>yes<\/value>/.test(known);
  return firmware === "uefi-secure-boot" && !isSecure
    ? `libvirt at '${virsh.uri}' does not know firmware with Secure Boot.`
    : null;
}

function checkSpec(host: LibvirtHost, spec: MachineSpec): void {
  checkNames(spec, host.forwardCommand);
  if (host.forwardCommand === null)
    throw new HostUnfit("The host has no command 'nc', which takes what a domain's console says.", {
      details: { install: "apt install netcat-openbsd, or dnf install nmap-ncat" },
    });
  if (spec.architecture !== "x86_64")
    throw new HostUnfit(`The libvirt driver makes no ${spec.architecture} machines yet.`);
  if (spec.directBoot !== undefined || spec.logPort !== undefined)
    throw new UsageError("The libvirt driver makes no helper machines; they are QEMU's.");
}

async function createMachine(
  host: LibvirtHost,
  spec: MachineSpec,
  { directory, signal }: CreateOptions,
): Promise<Machine> {
  checkSpec(host, spec);
  signal.throwIfAborted();
  const workspace = await createWorkspace("libvirt");
  try {
    const { accelerator } = host.answer;
    const disks = await prepareDisks(spec.disks, workspace.path, signal);
    const path = resolve(directory, "console.log");
    return new LibvirtMachine({
      spec,
      virsh: host.virsh,
      domain: {
        name: `bootgate-${ownerLabel(host.cacheDir)}-${spec.name}`,
        uuid: randomUUID(),
        owner: { label: ownerLabel(host.cacheDir), cache: host.cacheDir, host: hostname() },
        accelerator,
        firmware: spec.firmware,
        memoryMiB: spec.memoryMiB,
        cpus: cpusOf(host, spec),
        credentials: credentialStrings(spec),
        rebootEnds: spec.rebootEnds === true,
      },
      services: {
        disks,
        qemu: host.emulator.binary,
        forwardCommand: host.forwardCommand ?? [],
        folder: workspace.path,
        socketFolder: workspace.sockets,
        sshPort: await freePort(),
        greetingMs: 30_000,
      },
      workspace,
      directory,
      console: new ConsoleLog({
        ...host.limits,
        path,
        name: spec.name,
        passphrase: spec.passphrase,
        sampleHost,
      }),
      budgets: host.budgets,
      maxConsoleBytes: host.maxConsoleBytes,
      deviations: deviationsOf(spec, { accelerator, start: "cold", hasPanicDevice: false }),
      onProgress: host.onProgress,
    });
  } catch (error) {
    await workspace[Symbol.asyncDispose]();
    throw error;
  }
}

/** An older QEMU must not emulate several processors at once (`qemu/version.ts`), and libvirt cannot be told how it is to do it. */
function cpusOf({ answer, emulator }: LibvirtHost, { cpus }: MachineSpec): number {
  const facts = architectureFacts.x86_64;
  if (answer.accelerator === "kvm" || facts === undefined) return cpus;
  const emulation = { version: emulator.version, hostArchitecture: process.arch };
  return emulationThreads(emulation, facts) === "multi" ? cpus : 1;
}
