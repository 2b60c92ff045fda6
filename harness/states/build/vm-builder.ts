/**
 * Installs an image in a helper machine, without any right on the host: no root, no loop device, no container engine. The
 * machine is started from the image's own kernel and initrd with the image's files as root, and the image's own `bootc
 * install to-disk` runs there, as it runs in a privileged container elsewhere.
 */
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { OciImageFacts } from "../../../images/origins/oci-layout.ts";
import { CannotTell } from "../../base/errors.ts";
import { whyFull } from "../../base/no-space.ts";
import { runCommand } from "../../base/process.ts";
import { quoteArgument } from "../../base/quote.ts";
import { excerptEnd } from "../../guest/excerpt.ts";
import type { HostCost, MachineDriver } from "../../machine/machine.ts";
import { guestCpus, speedOf } from "../../machine/profile.ts";
import type { MakeOptions } from "../state.ts";
import type { BuildRequest, BuildResult, DiskBuilder } from "./builder.ts";
import { requireHelper, writeHelperImage } from "./helper-image.ts";
import { type Helper, helperSpec, startHelper } from "./helper-machine.ts";
import { toInstall } from "./helper-purpose.ts";
import { helperExtras } from "./helper-root.ts";
import { importMs, packedBytesOf } from "./import-time.ts";
import { installEnded, installFailed } from "./install-ended.ts";
import { followInstaller, sizesOf, stoodStill } from "./install-log.ts";
import { installCommand, planInstall, typed } from "./install-plan.ts";
import { startWatchdog } from "./watchdog.ts";

export interface VmBuilderOptions {
  readonly driver: MachineDriver;
  readonly memoryMiB: number;
}

/** For a whole build, beside the time that the import of its layers takes. Milliseconds, scaled. */
const baseMs = 15 * 60_000;
const limitMs = (image: OciImageFacts): number => baseMs + importMs(packedBytesOf(image));
/** How long neither the disk may grow nor a byte come from the installer. Milliseconds, scaled. */
const stillMs = 3 * 60_000;
/** For a short question to the helper. Milliseconds, scaled. */
const askMs = 20_000;
const mebibyte = 1024 * 1024;

/** The builder that needs nothing of the host but QEMU. */
export const createVmBuilder = ({ driver, memoryMiB }: VmBuilderOptions): DiskBuilder => ({
  name: "vm",
  revision: 1,
  limitMs: (image) => limitMs(image) * speedOf(driver, image.architecture).timeScale,
  cost: (image) => costOf(driver, image, memoryMiB),
  // A run without QEMU does not get as far as this.
  refuse: async () => null,
  build: (request, how) => build(driver, memoryMiB, request, how),
});

function costOf(driver: MachineDriver, image: OciImageFacts, memoryMiB: number): HostCost {
  const parts = { root: "", kernel: "", initrd: "", target: "", name: "", purpose: toInstall };
  const { architecture } = image;
  const machine = driver.cost(helperSpec({ ...parts, architecture, memoryMiB, cpus: guestCpus }));
  const packed = packedBytesOf(image) / mebibyte;
  // The layers as they are, unpacked as the helper's root, and once more on the disk.
  return { ...machine, diskMiB: Math.ceil(packed * 7) + 1024 };
}

async function build(
  driver: MachineDriver,
  memoryMiB: number,
  request: BuildRequest,
  how: MakeOptions,
): Promise<BuildResult> {
  const { name, image, recipe, target, scratch } = request;
  const { signal } = how;
  const began = performance.now();
  const tell = (stage: string): void => how.onStage(stage, performance.now() - began);
  tell("unpacking");
  const { architecture } = image;
  await requireHelper(driver, architecture, {
    headline: `The image '${name}' is for ${architecture}, and no machine that runs it can be had here to install it.`,
    advice: "install the image yourself and name the disk",
  });
  const { onNote } = how;
  const { root, kernel, initrd, facts, plan } = await writeHelperImage({
    ...{ name, image, purpose: toInstall, folder: scratch, onUnpacking: tell, onNote, signal },
    extra: helperExtras(image),
    plan: (found) => planInstall(found, recipe, name),
  });
  const { filesystem } = plan;
  const size = `${recipe.sizeMiB}M`;
  await runCommand("qemu-img", ["create", "-q", "-f", "qcow2", target, size], { signal });
  const machine = { architecture, root, kernel, initrd, target, memoryMiB, cpus: guestCpus };
  const parts = { name, purpose: toInstall, ...machine };
  await using helper = await startHelper(driver, parts, {
    ...how,
    onStage: (stage) => tell(`helper ${stage}`),
  });
  const { timeScale } = speedOf(driver, architecture);
  const scaled = (ms: number): number => ms * timeScale;
  await expectTarget(helper, scaled(askMs), how.signal);
  // `mount` of a kind that it is not told tries what the kernel has, and nothing in the helper loads the rest.
  const load = `modprobe -q ${quoteArgument(filesystem)}`;
  const version = await helper.exec(`${load}; bootc --version`, scaled(askMs), how.signal);
  const command = installCommand({ image, recipe, facts, target: targetDevice });
  await install(
    helper,
    { ...request, command, tell, scale: timeScale, unified: plan.kernel.kind === "uki" },
    how,
  );
  return {
    format: "qcow2",
    builder: "vm",
    installer: excerptEnd(version.stdout, 100),
    command: typed(command),
    filesystem,
  };
}

/** Second disk of the helper. */
const targetDevice = "/dev/vdb";

/** A helper that has another disk at that name must not be told to wipe it. */
async function expectTarget(helper: Helper, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const seen = await helper.exec("cat /sys/block/vdb/serial", timeoutMs, signal);
  if (seen.stdout.trim() === "disk1") return;
  throw new CannotTell("The helper machine does not see the disk to install on.", {
    details: { expected: "disk1 at /dev/vdb", got: excerptEnd(seen.stdout || seen.stderr, 200) },
  });
}

interface Installation extends BuildRequest {
  readonly command: readonly string[];
  readonly tell: (stage: string) => void;
  readonly scale: number;
  readonly unified: boolean;
}

/**
 * Runs the installer. What it says goes to the helper's console as well, so that it can be followed and is kept; a pipe
 * hides the exit code of its first command, so that goes into a file.
 */
async function install(
  helper: Helper,
  { name, image, recipe, target: file, command, tell, scale, unified }: Installation,
  how: MakeOptions,
): Promise<void> {
  const line = `rm -f /run/install.rc; { ${typed(command)}; echo $? >/run/install.rc; } 2>&1 | tee /dev/console; sync; rc=$(cat /run/install.rc); exit "\${rc:-125}"`;
  const consolePath = join(how.directory, "console.log");
  const log = join(how.directory, "install.log");
  using watchdog = startWatchdog({
    limitMs: stillMs * scale,
    whyHopeless: () => whyFull(dirname(file)),
    look: () => sizesOf(file, consolePath),
    reason: () => stoodStill(name, stillMs * scale, log),
  });
  const follower = followInstaller(consolePath, tell);
  const signal = AbortSignal.any([how.signal, watchdog.signal]);
  try {
    const outcome = await helper.exec(line, limitMs(image) * scale, signal);
    const said = `${outcome.stdout}${outcome.stderr}`;
    await keepLog(log, said, how);
    if (outcome.exitCode === null) {
      const why = outcome.truncated ? "it said more than a megabyte" : "its time was over";
      throw installEnded(name, why, said, log);
    }
    if (outcome.exitCode !== 0)
      throw installFailed({ name, recipe, exitCode: outcome.exitCode, said, log, unified });
  } catch (error) {
    // Ended by the watchdog or by the limit of the whole build: the console has what was said until then.
    await follower.stop();
    await keepLog(log, follower.said(), how, { flag: "wx" });
    throw error;
  } finally {
    await follower.stop();
  }
  // The disk is complete once QEMU has let go of it.
  await helper[Symbol.asyncDispose]();
}

/** Keeps the installer's words as evidence. With `wx` only where they were not kept yet. */
async function keepLog(
  log: string,
  said: string,
  { onEvidence }: MakeOptions,
  options: { readonly flag?: "wx" } = {},
): Promise<void> {
  const isKept = await writeFile(log, said, options).then(
    () => true,
    () => false,
  );
  if (isKept) onEvidence({ kind: "installer", path: log });
}
