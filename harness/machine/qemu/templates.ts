/**
 * Boot once, fork many. A booted guest is stopped and its devices' state and memory are kept; a fork maps that memory
 * copy-on-write and goes on within a second or two. Memory stays out of the saved state (QEMU's `x-ignore-shared`), so
 * freezing writes it once as a file and forks share its pages.
 */
import { createHash } from "node:crypto";
import { chmod, copyFile, readdir, readFile } from "node:fs/promises";
import { arch, cpus } from "node:os";
import { basename, delimiter, join, resolve } from "node:path";
import { HostUnfit, MachineFault, UsageError } from "../../base/errors.ts";
import { fileStamp } from "../../base/file-stamp.ts";
import type { Shelf } from "../../base/shelf.ts";
import { createWorkspace } from "../../base/workspace.ts";
import type { CreateOptions, Disk, Machine, MachineSpec, Templates, Tpm } from "../machine.ts";
import { assembleMachine, type HostOf, varsName } from "./assemble.ts";
import { untilAtRest } from "./at-rest.ts";
import { typedWords } from "./deviations.ts";
import { createOverlay, diskName } from "./disks.ts";
import { firmwareOf } from "./firmware-of.ts";
import { copySparse, restoreState, saveState } from "./migration.ts";
import { type AttachedDisk, argvShape, type FirmwareFiles } from "./qemu-argv.ts";
import { QemuMachine } from "./qemu-machine.ts";
import { type TemplateFacts, templateShelf } from "./template-shelf.ts";
import { tpmVersion } from "./tpm.ts";
import { accelerationOf } from "./version.ts";

/** For a guest to come to rest before it is frozen. Milliseconds at most. */
const restMs = 10_000;
const stateName = "state.bin";
const memoryName = "ram.img";

export class QemuTemplates implements Templates {
  readonly #hostOf: HostOf;
  readonly #shelf: Shelf<TemplateFacts>;

  /** `hostOf` throws HostUnfit for an architecture whose machines cannot be made here. */
  constructor(cacheDir: string, hostOf: HostOf) {
    this.#hostOf = hostOf;
    this.#shelf = templateShelf(cacheDir);
  }

  async key(spec: MachineSpec): Promise<string> {
    const host = await this.#hostOf(spec.architecture);
    const { emulator, facts, accelerator } = host;
    const firmware = await firmwareOf(host, spec);
    const emulation = { version: emulator.version, hostArchitecture: arch() };
    const acceleration = accelerationOf(accelerator, emulation, facts);
    const parts = {
      shape: argvShape,
      qemu: [emulator.version, await programStamp(emulator.binary), facts.machine, acceleration],
      // A guest under KVM sees the host's processor and cannot go on where another is.
      processor: accelerator === "kvm" ? (cpus()[0]?.model ?? "") : "",
      firmware: [
        firmware,
        firmware && [
          await contentOf(firmware.code.path),
          await contentOf(firmware.varsTemplate.path),
        ],
      ],
      machine: [
        spec.architecture,
        spec.firmware,
        spec.memoryMiB,
        spec.cpus,
        spec.network,
        spec.channel === true,
        ...(spec.diskBus === undefined ? [] : [spec.diskBus]),
        ...(spec.tpm === undefined ? [] : await tpmPart(spec.tpm, host.tpmProgram)),
      ],
      image: [spec.imageDigest, spec.disks.map(bootedPart)],
      credentials: Object.entries(spec.credentials).sort(([a], [b]) => (a < b ? -1 : 1)),
    };
    return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
  }

  async find(key: string): Promise<string | null> {
    const held = await this.#shelf.take(key);
    await held?.[Symbol.asyncDispose]();
    return held?.path ?? null;
  }

  async forget(key: string): Promise<void> {
    await this.#shelf.remove(key);
  }

  /** Held by the process that makes the template `key`, so that two do not both boot. Look again with `find` once it is held. */
  lock(
    key: string,
    signal: AbortSignal,
    onWait?: (holder: string) => void,
  ): Promise<AsyncDisposable> {
    return this.#shelf.lock(key, { signal, onWait });
  }

  async freeze(machine: Machine, key: string, signal: AbortSignal): Promise<void> {
    if (!(machine instanceof QemuMachine))
      throw new UsageError(`Machine '${machine.spec.name}' was not made by the QEMU driver.`);
    if (machine.start !== "cold")
      throw new UsageError(
        `Machine '${machine.spec.name}' is a fork; only a machine that was booted can be frozen.`,
      );
    if (machine.spec.recordsWrites === true)
      throw new UsageError(
        `What machine '${machine.spec.name}' writes is recorded; such a machine cannot be frozen.`,
      );
    await untilAtRest({ pid: machine.running.process.pid, timeoutMs: restMs, signal });
    try {
      await using draft = await this.#shelf.stage(key);
      const [state, memory] = [join(draft.path, stateName), join(draft.path, memoryName)];
      await saveState(machine, { state, memory }, signal);
      await machine.endProcess();
      const facts = await keepFiles(machine, draft.path);
      await using _made = await this.#shelf.publish(draft, key, facts);
    } catch (error) {
      throw this.#shelf.explain(error, `the template of '${machine.spec.name}'`);
    } finally {
      await machine[Symbol.asyncDispose]();
    }
  }

  async fork(key: string, spec: MachineSpec, options: CreateOptions): Promise<Machine> {
    if (spec.recordsWrites === true)
      throw new MachineFault(
        `What '${spec.name}' writes cannot be recorded in a fork: what was on its way to the disk lies in the template's memory.`,
      );
    const held = await this.#shelf.take(key);
    if (held === null)
      throw new MachineFault(`The template to fork '${spec.name}' from does not exist.`);
    const release = async () => held[Symbol.asyncDispose]();
    const workspace = await createWorkspace("qemu").catch(async (error: unknown) => {
      await release();
      throw error;
    });
    let machine: QemuMachine | null = null;
    try {
      const folder = held.path;
      const files = await prepareFork(held.facts, {
        folder,
        into: workspace.path,
        spec,
        signal: options.signal,
      });
      const host = await this.#hostOf(spec.architecture);
      machine = await assembleMachine(host, spec, {
        ...options,
        workspace,
        files,
        start: "fork",
        typed: held.facts.typed,
        release,
      });
      await restoreState(machine, join(folder, stateName), options.signal);
      return machine;
    } catch (error) {
      await machine?.[Symbol.asyncDispose]();
      await workspace[Symbol.asyncDispose]();
      await release();
      options.signal.throwIfAborted();
      throw error instanceof MachineFault || error instanceof HostUnfit
        ? error
        : new MachineFault(`Machine '${spec.name}' could not be forked.`, { cause: error });
    }
  }
}

/** What of a TPM is booted, with the program whose saved state a fork goes on from. */
const tpmPart = async ({ state }: Tpm, program: string): Promise<readonly string[]> => [
  "tpm",
  await tpmVersion(program),
  state?.contentDigest ?? "new",
];

/** What of a disk is booted: its content and how the guest sees it, not where the file lies. */
function bootedPart(disk: Disk): readonly unknown[] {
  switch (disk.kind) {
    case "overlay":
      return [disk.kind, disk.contentDigest, disk.backingFormat, disk.sectorBytes ?? 512];
    case "blank":
      return [disk.kind, disk.sizeMiB];
    case "iso":
      return [disk.kind, disk.contentDigest];
    case "working":
      return [disk.kind, disk.path];
  }
}

/** sha256 of a small file. Firmware has at most some megabytes, and a package manager may keep times when it changes it. */
const contentOf = async (path: string): Promise<string> =>
  createHash("sha256")
    .update(await readFile(path))
    .digest("hex");

/** A rebuilt emulator often has the version of the one before, so its file is looked at, on the path as a shell would. */
async function programStamp(binary: string): Promise<string> {
  const folders = binary.includes("/") ? [""] : (process.env.PATH ?? "").split(delimiter);
  for (const folder of folders) {
    const stamp = await fileStamp(join(folder, binary)).catch(() => null);
    if (stamp !== null) return stamp;
  }
  return binary;
}

/** Moves disks and variable store of an ended machine into `folder` and describes the whole. */
async function keepFiles(machine: QemuMachine, folder: string): Promise<TemplateFacts> {
  const { layout, spec } = machine;
  const never = new AbortController().signal;
  const disks: (string | null)[] = [];
  for (const disk of layout.disks) {
    if (disk.kind === "disk") await copySparse(disk.path, join(folder, basename(disk.path)), never);
    disks.push(disk.kind === "disk" ? basename(disk.path) : null);
  }
  const { firmware } = layout;
  if (firmware.kind === "flash") await copyFile(firmware.vars.path, join(folder, varsName));
  for (const name of await readdir(folder)) {
    // QEMU opens memory for writing even where it copies on write, so that one file stays writable for its owner.
    await chmod(join(folder, name), name === memoryName ? 0o600 : 0o400);
  }
  return {
    version: 4,
    backing: await backingOf(spec),
    code: firmware.kind === "flash" ? firmware.code : null,
    varsFormat: firmware.kind === "flash" ? firmware.vars.format : "raw",
    needsSmm: firmware.kind === "flash" && firmware.needsSmm,
    disks,
    typed: typedWords.filter((word) => machine.typed.some(({ id }) => id === word)),
  };
}

/** A file that has changed since its digest was taken keeps the old stamp here, so that the template is never found. */
function backingOf({ disks }: MachineSpec): Promise<TemplateFacts["backing"]> {
  const files = disks.flatMap((disk) =>
    disk.kind === "overlay"
      ? [{ path: resolve(disk.backingFile), stamp: disk.stamp }]
      : disk.kind === "iso"
        ? [{ path: resolve(disk.path), stamp: undefined }]
        : [],
  );
  return Promise.all(
    files.map(async ({ path, stamp }) => ({ path, stamp: stamp ?? (await fileStamp(path)) })),
  );
}

interface ForkPlace {
  readonly folder: string;
  readonly into: string;
  readonly spec: MachineSpec;
  readonly signal: AbortSignal;
}

/** A fork's own files: overlays on the template's disks, a copy of the variable store. */
async function prepareFork(record: TemplateFacts, { folder, into, spec, signal }: ForkPlace) {
  const disks: AttachedDisk[] = [];
  for (const [index, name] of record.disks.entries()) {
    const wanted = spec.disks[index];
    if (name === null && wanted?.kind === "iso")
      disks.push({ kind: "cdrom", path: resolve(wanted.path), format: "raw" });
    if (name === null) continue;
    const path = join(into, diskName(index));
    await createOverlay(path, { path: join(folder, name), format: "qcow2" }, signal);
    const sectorBytes = wanted?.kind === "overlay" ? wanted.sectorBytes : undefined;
    disks.push({ kind: "disk", path, format: "qcow2", sectorBytes });
  }
  const firmware = await forkFirmware(record, folder, into);
  return { disks, firmware, forkedMemory: join(folder, memoryName) };
}

async function forkFirmware(
  record: TemplateFacts,
  folder: string,
  into: string,
): Promise<FirmwareFiles> {
  if (record.code === null) return { kind: "built-in" };
  const vars = { path: join(into, varsName), format: record.varsFormat };
  await copyFile(join(folder, varsName), vars.path);
  await chmod(vars.path, 0o600);
  return { kind: "flash", code: record.code, vars, needsSmm: record.needsSmm };
}
