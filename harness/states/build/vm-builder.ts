/**
 * Installs an image in a helper machine, without any right on the host: no root, no loop device, no container engine. The
 * machine is started from the image's own kernel and initrd with the image's files as root, and the image's own `bootc
 * install to-disk` runs there, as it runs in a privileged container elsewhere.
 */
import { stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { OciImageFacts } from "../../../images/origins/oci-layout.ts";
import { describeRoot, type RootFacts, requireInstallable } from "../../../images/rootfs/facts.ts";
import { writeRootImage } from "../../../images/rootfs/write-image.ts";
import {
  CannotTell,
  CommandFailed,
  ExpectationFailed,
  HostUnfit,
  quoting,
  UsageError,
} from "../../base/errors.ts";
import { whyFull } from "../../base/no-space.ts";
import { runCommand } from "../../base/process.ts";
import { quoteArgument } from "../../base/quote.ts";
import { formatDuration } from "../../base/units.ts";
import { excerptEnd } from "../../guest/excerpt.ts";
import type { FileFollower } from "../../machine/console/console-follower.ts";
import type { HostCost, MachineDriver } from "../../machine/machine.ts";
import { guestCpus } from "../../machine/profile.ts";
import { followLines } from "../follow-lines.ts";
import type { MakeOptions } from "../state.ts";
import type { BuildRequest, BuildResult, DiskBuilder } from "./builder.ts";
import { type Helper, helperSpec, startHelper } from "./helper-machine.ts";
import { helperExtras, helperSource } from "./helper-root.ts";
import { blameOfInstaller, installerError, installPhase } from "./install-words.ts";
import type { DiskRecipe } from "./recipe.ts";
import { tellUnpacking } from "./unpacking.ts";
import { startWatchdog } from "./watchdog.ts";

export interface VmBuilderOptions {
  readonly driver: MachineDriver;
  readonly memoryMiB: number;
}

/** For a whole build. Milliseconds, scaled: a real image takes a minute on hardware, and its import half an hour under emulation. */
const limitMs = 15 * 60_000;
/** How long neither the disk may grow nor a byte come from the installer. Milliseconds, scaled. */
const stillMs = 3 * 60_000;
/** For a short question to the helper. Milliseconds, scaled. */
const askMs = 20_000;
const mebibyte = 1024 * 1024;

/** The builder that needs nothing of the host but QEMU. */
export const createVmBuilder = ({ driver, memoryMiB }: VmBuilderOptions): DiskBuilder => ({
  name: "vm",
  revision: 1,
  limitMs: limitMs * driver.timeScale,
  cost: (image) => costOf(driver, image, memoryMiB),
  build: (request, how) => build(driver, memoryMiB, request, how),
});

function costOf(driver: MachineDriver, image: OciImageFacts, memoryMiB: number): HostCost {
  const parts = { root: "", kernel: "", initrd: "", target: "", name: "" };
  const { architecture } = image;
  const machine = driver.cost(helperSpec({ ...parts, architecture, memoryMiB, cpus: guestCpus }));
  const packed = image.layers.reduce((sum, { size }) => sum + size, 0) / mebibyte;
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
  const root = join(scratch, "root.erofs");
  const tree = await writeRootImage({
    image,
    target: root,
    extra: helperExtras(image),
    onProgress: tellUnpacking(tell),
    signal,
  });
  const facts = await describeRoot(tree, image.architecture);
  const found = installableKernel(facts, recipe, name);
  const [kernel, initrd] = [join(scratch, "vmlinuz"), join(scratch, "initramfs.img")];
  await tree.extractFiles(
    new Map([
      [found.vmlinuz, kernel],
      [found.initramfs, initrd],
    ]),
  );
  const size = `${recipe.sizeMiB}M`;
  await runCommand("qemu-img", ["create", "-q", "-f", "qcow2", target, size], { signal });
  const { architecture } = image;
  const parts = { name, architecture, root, kernel, initrd, target, memoryMiB, cpus: guestCpus };
  await using helper = await startHelper(driver, parts, {
    ...how,
    onStage: (stage) => tell(`helper ${stage}`),
  });
  const scaled = (ms: number): number => ms * driver.timeScale;
  await expectTarget(helper, scaled(askMs), how.signal);
  const version = await helper.exec("bootc --version", scaled(askMs), how.signal);
  const command = installCommand(image, recipe, facts);
  await install(helper, { ...request, command, tell, scale: driver.timeScale }, how);
  return {
    format: "qcow2",
    installer: excerptEnd(version.stdout, 100),
    command: command.map(quoteArgument).join(" "),
    filesystem: filesystemOf(recipe, facts),
  };
}

/** What is wrong with an image's own files is the image's fault, and known before anything is started. */
function installableKernel(facts: RootFacts, recipe: DiskRecipe, name: string) {
  if (facts.kernels.length === 0 && facts.ukis.length > 0)
    throw new CannotTell(`The installer of the image '${name}' cannot be started here.`, {
      details: {
        why: "its kernel is in a unified kernel image only, which a helper machine cannot start yet",
        has: facts.ukis.join(", ").slice(0, 500),
        "to do": "install the image yourself and name the disk",
      },
    });
  const { vmlinuz, initramfs } = asImageFault(() => requireInstallable(facts, name));
  if (initramfs === null) throw new TypeError("A kernel that can be started has an initramfs.");
  const filesystem = filesystemOf(recipe, facts);
  if (facts.mkfs.includes(filesystem)) return { vmlinuz, initramfs };
  const headline = `The image '${name}' cannot make a file system of kind ${filesystem}.`;
  const details = { "looked for": `mkfs.${filesystem}`, has: facts.mkfs.join(", ") };
  if (recipe.filesystem === null && facts.install.filesystem !== null)
    throw new ExpectationFailed(headline, { details });
  throw new UsageError(headline, { details: { ...details, "to do": "name one by --filesystem" } });
}

/** Read by itself a bad image is bad input; as the candidate of a run it is what the run is about. */
function asImageFault<T>(look: () => T): T {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new ExpectationFailed(error.headline, { details: error.details, cause: error });
  }
}

const filesystemOf = (recipe: DiskRecipe, { install }: RootFacts): string =>
  recipe.filesystem ?? install.filesystem ?? "ext4";

/** bootc takes the file system from the image where no option names one, and refuses where neither does. */
function installCommand(image: OciImageFacts, recipe: DiskRecipe, facts: RootFacts): string[] {
  const filesystem =
    recipe.filesystem === null && facts.install.filesystem !== null
      ? []
      : ["--filesystem", filesystemOf(recipe, facts)];
  return [
    "bootc",
    "install",
    "to-disk",
    "--source-imgref",
    helperSource(image),
    "--target-imgref",
    recipe.follows,
    // For both kinds of firmware, and without entries in the variables of the helper's own.
    "--generic-image",
    ...filesystem,
    ...(recipe.backend === "composefs" ? ["--composefs-backend"] : []),
    ...(recipe.bootloader === null ? [] : ["--bootloader", recipe.bootloader]),
    ...recipe.kernelArguments.flatMap((argument) => ["--karg", argument]),
    "--wipe",
    target,
  ];
}

/** Second disk of the helper. */
const target = "/dev/vdb";

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
}

/**
 * Runs the installer. What it says goes to the helper's console as well, so that it can be followed and is kept; a pipe
 * hides the exit code of its first command, so that goes into a file.
 */
async function install(
  helper: Helper,
  { name, recipe, target: file, command, tell, scale }: Installation,
  how: MakeOptions,
): Promise<void> {
  const words = command.map(quoteArgument).join(" ");
  const line = `rm -f /run/install.rc; { ${words}; echo $? >/run/install.rc; } 2>&1 | tee /dev/console; sync; rc=$(cat /run/install.rc); exit "\${rc:-125}"`;
  const consolePath = join(how.directory, "console.log");
  using watchdog = startWatchdog({
    limitMs: stillMs * scale,
    whyHopeless: () => whyFull(dirname(file)),
    look: async () => {
      const [disk, said] = await Promise.all([stat(file), stat(consolePath)]);
      return `${disk.blocks} ${said.size}`;
    },
    reason: () =>
      new CannotTell(`The installation of '${name}' stood still.`, {
        details: {
          why: `for ${formatDuration(stillMs * scale)} neither the disk grew nor did the installer say anything`,
        },
        lookAt: consolePath,
      }),
  });
  const heard: string[] = [];
  const follower = followPhases(consolePath, heard, tell);
  const signal = AbortSignal.any([how.signal, watchdog.signal]);
  const log = join(how.directory, "install.log");
  const keep = async (said: string): Promise<void> => {
    await writeFile(log, said);
    how.onEvidence({ kind: "installer", path: log });
  };
  try {
    const outcome = await helper
      .exec(line, limitMs * scale, signal)
      .catch(async (error: unknown) => {
        // What it answers is lost with it; what it said until then stands on the console.
        await follower.catchUp();
        await keep(`${heard.join("\n")}\n`);
        throw error;
      });
    const said = `${outcome.stdout}${outcome.stderr}`;
    await keep(said);
    if (outcome.exitCode === null) throw installEnded(name, outcome.truncated, said, log);
    if (outcome.exitCode !== 0) throw installFailed(name, recipe, outcome.exitCode, said, log);
  } finally {
    await follower.stop();
  }
  // The disk is complete once QEMU has let go of it.
  await helper[Symbol.asyncDispose]();
}

/** Tells each phase of the installer once, as its line comes, and keeps the newest lines. */
function followPhases(path: string, heard: string[], tell: (stage: string) => void): FileFollower {
  let told = "";
  return followLines(path, (line) => {
    if (heard.push(line) > 500) heard.shift();
    const phase = installPhase(line);
    if (phase === null || phase === told) return;
    told = phase;
    tell(`install: ${phase}`);
  });
}

/** What was ended by the harness has not failed by itself. */
const installEnded = (
  name: string,
  saidTooMuch: boolean,
  said: string,
  lookAt: string,
): CannotTell =>
  new CannotTell(`The installation of '${name}' was ended by bootgate.`, {
    details: {
      why: saidTooMuch ? "it said more than a megabyte" : "its time was over",
      "it said": excerptEnd(said, 1500) || undefined,
    },
    lookAt,
  });

function installFailed(
  name: string,
  recipe: DiskRecipe,
  exitCode: number | null,
  said: string,
  lookAt: string,
): Error {
  const { blame, why, todo, hangsOn } = blameOfInstaller(said, exitCode);
  const options = {
    details: {
      why,
      "exit code": String(exitCode ?? "none"),
      "it said": excerptEnd(said, 1500) || undefined,
      disk: `${recipe.sizeMiB} MiB`,
      "to do": todo,
    },
    lookAt,
  };
  const headline = quoting`The image '${name}' could not be installed on a disk: ${installerError(said)}`;
  // The backend is the harness's choice, not the image's.
  if (blame === "image" && hangsOn === undefined) return new CommandFailed(headline, options);
  if (blame === "host") return new HostUnfit(headline, options);
  return new CannotTell(headline, options);
}
