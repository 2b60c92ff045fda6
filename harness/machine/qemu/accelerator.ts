/**
 * Which accelerator really works here. `/dev/kvm` may open, QEMU may accept it and the firmware may even run while a
 * kernel hangs (seen on nested hosts), so the probe runs a real kernel until it says that it lacks a root file system,
 * which only a kernel that has come all the way can say. The answer is kept per host.
 */

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { arch, cpus, release } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { serialWord } from "../../../images/image.ts";
import { HostUnfit, MachineFault } from "../../base/errors.ts";
import { isOpenTo, isReadable } from "../../base/exists.ts";
import { startProcess } from "../../base/process.ts";
import { waitFor } from "../../base/wait.ts";
import { createWorkspace } from "../../base/workspace.ts";
import { writeWhole } from "../../base/write-whole.ts";
import type { Emulator } from "./emulator.ts";
import type { ArchitectureFacts } from "./facts.ts";

export type Accelerator = "kvm" | "tcg";

export interface AcceleratorAnswer {
  readonly accelerator: Accelerator;
  /** How this was found, one sentence for the report. */
  readonly reason: string;
}

export interface ProbeOptions {
  readonly emulator: Emulator;
  readonly facts: ArchitectureFacts;
  readonly cacheDir: string;
  /** A kernel to probe with when the host's own cannot be read, for example one out of a candidate image. */
  readonly probeKernel?: string;
  readonly kvmDevice?: string;
  /** Folder of the host's kernels. */
  readonly bootFolder?: string;
  /** How long a kernel may take to come to its end under KVM; a host that is emulated itself needs minutes. Default 15 s. */
  readonly probeMs?: number;
  readonly signal: AbortSignal;
}

const record = z.object({
  key: z.string(),
  accelerator: z.enum(["kvm", "tcg"]),
  reason: z.string(),
  /** How long the kernel was given. Absent in a file of an older version, which knew one limit. */
  probeMs: z.number().default(15_000),
});

/** How long a kernel may take to come to its end under KVM where no one says otherwise; on plain hardware it needs about 2 s. */
export const defaultProbeMs = 15_000;

/** Lines that a kernel says after it has started all CPUs and drivers and found nothing to mount. */
const kernelCameThrough =
  /VFS: Cannot open root device|Unable to mount root fs|Run \/(?:sbin\/)?init as init|No working init found/;

/** Finds the accelerator, from the cache where QEMU, kernel, host and boot are the same as when it was probed. */
export async function findAccelerator(options: ProbeOptions): Promise<AcceleratorAnswer> {
  const path = join(options.cacheDir, "accelerator.json");
  const key = await hostKey(options);
  const known = await readFile(path, "utf8")
    .then((text) => record.parse(JSON.parse(text)))
    .catch(() => null);
  const { probeMs = defaultProbeMs } = options;
  // That a kernel was not through in less time says nothing about a longer one.
  const holds = known?.accelerator === "kvm" || (known?.probeMs ?? 0) >= probeMs;
  if (known !== null && known.key === key && holds)
    return { accelerator: known.accelerator, reason: known.reason };
  const { lasting, ...answer } = await probe(options);
  if (lasting) await remember(path, { key, ...answer, probeMs });
  return answer;
}

/**
 * KVM because it was asked for, without a probe. Throws HostUnfit where it cannot be: the device does not open, or the host
 * is of another architecture than the guests.
 */
export async function forceKvm({
  facts,
  kvmDevice = "/dev/kvm",
}: Pick<ProbeOptions, "facts" | "kvmDevice">): Promise<AcceleratorAnswer> {
  const lacks =
    arch() !== facts.nodeArch
      ? `the host is ${arch()} and KVM runs only guests of its own architecture`
      : (await isOpenTo(kvmDevice))
        ? null
        : `${kvmDevice} is missing or may not be used by this user`;
  if (lacks !== null)
    throw new HostUnfit(`KVM was asked for and cannot be had: ${lacks}.`, {
      lookAt: "npm run -s bootgate -- doctor",
    });
  return { accelerator: "kvm", reason: "It was asked for." };
}

async function remember(path: string, content: z.infer<typeof record>): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeWhole(path, `${JSON.stringify(content, null, 2)}\n`);
}

async function hostKey({ emulator, kvmDevice = "/dev/kvm" }: ProbeOptions): Promise<string> {
  const read = (path: string) => readFile(path, "utf8").catch(() => "");
  const usable = await isOpenTo(kvmDevice);
  const parts = [
    emulator.version,
    emulator.binary,
    release(),
    cpus()[0]?.model ?? "",
    await read("/etc/machine-id"),
    await read("/proc/sys/kernel/random/boot_id"),
    String(usable),
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

type Probed = AcceleratorAnswer & { readonly lasting: boolean };

async function probe(options: ProbeOptions): Promise<Probed> {
  const { facts, kvmDevice = "/dev/kvm", bootFolder = "/boot", probeKernel } = options;
  const tcg = (reason: string, lasting = true): Probed => ({ accelerator: "tcg", reason, lasting });
  if (arch() !== facts.nodeArch)
    return tcg(`KVM runs only guests of the host's own architecture (${arch()}).`);
  if (!(await isOpenTo(kvmDevice)))
    return tcg(`${kvmDevice} is missing or may not be used by this user.`);
  const kernel = await readableKernel(bootFolder, probeKernel);
  // Not remembered: the next caller may have a kernel to probe with.
  if (kernel === null)
    return tcg(`${kvmDevice} is there, but no kernel can be read to prove that it works.`, false);
  const failure = await runKernel(kernel, options);
  return failure === null
    ? { accelerator: "kvm", reason: `A kernel ran under KVM (${kernel}).`, lasting: true }
    : tcg(`${kvmDevice} is there, but a kernel did not run under it: ${failure}.`);
}

async function readableKernel(folder: string, given: string | undefined): Promise<string | null> {
  const names = (await readdir(folder).catch(() => [] as string[])).filter((name) =>
    name.startsWith("vmlinuz-"),
  );
  const paths = names
    .sort()
    .reverse()
    .map((name) => join(folder, name));
  for (const path of [...paths, ...(given === undefined ? [] : [given])])
    if (await isReadable(path)) return path;
  return null;
}

/** Runs the kernel under KVM. Returns null when it came through, else why it did not. */
async function runKernel(kernel: string, options: ProbeOptions): Promise<string | null> {
  const { emulator, facts, probeMs = defaultProbeMs, signal } = options;
  await using workspace = await createWorkspace("probe");
  const log = join(workspace.path, "console.log");
  await using child = startProcess(emulator.binary, [
    ...["-nodefaults", "-no-user-config", "-no-reboot"],
    ...["-machine", facts.machine, "-accel", "kvm", "-cpu", "host", "-smp", "2", "-m", "512M"],
    ...["-display", "none", "-chardev", `file,id=console,path=${log.replaceAll(",", ",,")}`],
    ...[
      "-serial",
      "chardev:console",
      "-kernel",
      kernel,
      "-append",
      `${serialWord(facts.architecture)} panic=0`,
    ],
  ]);
  const ended = child.exited.then(({ stderrTail, exitCode, startError }): never => {
    const why = (startError ?? stderrTail.trim().slice(-300)) || `exit code ${exitCode}`;
    throw new MachineFault(`QEMU ended: ${why}`);
  });
  ended.catch(() => undefined);
  try {
    await waitFor({
      what: "a kernel under KVM to come through",
      probe: async () => (kernelCameThrough.test(await readFile(log, "latin1")) ? true : undefined),
      timeoutMs: probeMs,
      giveUpWhen: ended,
      signal,
      onTimeout: () => new MachineFault(`it was not through after ${probeMs / 1000} s`),
    });
    return null;
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof Error ? (error.message.split("\n")[0] ?? error.name) : String(error);
  }
}
