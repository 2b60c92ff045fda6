/**
 * A live medium in a machine: the ISO in a CD drive and no disk, started by its own boot loader or, by default, with its own
 * kernel, initrd and words directly.
 */
import {
  type Architecture,
  consoleWords,
  type Image,
  type InstallerImage,
  isLiveMedium,
} from "../../images/image.ts";
import { HostUnfit, UsageError } from "../base/errors.ts";
import { fileStamp } from "../base/file-stamp.ts";
import { createWorkspace } from "../base/workspace.ts";
import { channelCredential } from "../guest/channel/unit.ts";
import type { DirectBoot, Machine, MachineDriver, MachineSpec } from "../machine/machine.ts";
import { takeKernel } from "../states/install/installer-files.ts";
import type { InstallerBoot } from "../states/install/installer-machine.ts";

/** What of a job's plan such a machine is made by. */
export interface MediumPlan
  extends Pick<MachineSpec, "firmware" | "memoryMiB" | "cpus" | "network" | "credentials" | "tpm"> {
  readonly driver: MachineDriver;
}

export interface MediumRequest {
  readonly name: string;
  readonly image: Image;
  readonly forwards: MachineSpec["forwards"];
  readonly directory: string;
  readonly signal: AbortSignal;
}

/**
 * Words that make the kernel and systemd speak on the serial port; the screen stays a console too. `loglevel` counts although the
 * entry says `quiet` (kernel documentation, admin-guide/kernel-parameters: the later of the two holds).
 */
export const speakingWords = (architecture: Architecture): readonly string[] => [
  ...consoleWords(architecture),
  "loglevel=7",
];

/**
 * Words of the medium's own entry that would hide the console, or read the whole medium first, and variables of GRUB, which are empty
 * unless its configuration sets them.
 */
const dropped = /^(?:quiet|rhgb|splash|rd\.live\.check|console=.*|-{2,3}|.*\$.*)$/;

/** The kernel's command line: that of the medium's own boot entry, made to speak on the serial port. */
export const mediumArguments = (
  { arguments: own }: Pick<InstallerImage, "arguments">,
  architecture: Architecture,
): string =>
  [...own.filter((word) => !dropped.test(word)), ...speakingWords(architecture)].join(" ");

/** Starts the machine and returns it powered on; the caller owns it. Throws UsageError for an ISO that has changed since it was looked at. */
export async function startMedium(
  plan: MediumPlan,
  start: InstallerBoot,
  request: MediumRequest,
): Promise<Machine> {
  const { image, directory, signal } = request;
  const { installer } = image;
  if (installer === undefined || !isLiveMedium(installer))
    throw new HostUnfit(`The image '${image.name}' is not a live medium.`);
  if ((await fileStamp(installer.path).catch(() => null)) !== installer.stamp)
    throw new UsageError(`The ISO image '${image.name}' has changed since it was looked at.`);
  // QEMU reads both files before the machine is on.
  await using scratch = start === "direct" ? await createWorkspace("medium") : null;
  const direct =
    scratch === null
      ? undefined
      : {
          ...(await takeKernel({ installer, scratch: scratch.path }, signal)),
          arguments: mediumArguments(installer, image.architecture),
        };
  const machine = await plan.driver.create(mediumSpec(plan, request, { installer, direct }), {
    directory,
    signal,
  });
  try {
    await machine.power.on(signal);
    return machine;
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
}

function mediumSpec(
  { firmware, memoryMiB, cpus, network, credentials, tpm }: MediumPlan,
  { name, image, forwards }: MediumRequest,
  {
    installer,
    direct,
  }: { readonly installer: InstallerImage; readonly direct: DirectBoot | undefined },
): MachineSpec {
  return Object.freeze({
    name,
    architecture: image.architecture,
    secureBootKeys: image.secureBootKeys,
    tpm,
    ...{ firmware, memoryMiB, cpus, network, forwards, credentials },
    disks: [{ kind: "iso", path: installer.path, contentDigest: installer.digest } as const],
    imageDigest: image.digest,
    channel: channelCredential in credentials,
    directBoot: direct,
  });
}
