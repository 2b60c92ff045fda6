/** What a helper machine is started from: an image's layers as one root file, and the image's own kernel and initramfs. */
import { join } from "node:path";
import type { OciImageFacts } from "../../../images/origins/oci-layout.ts";
import type { RootExtra } from "../../../images/rootfs/extras.ts";
import { describeRoot, type RootFacts, type Startable } from "../../../images/rootfs/facts.ts";
import { writeRootImage } from "../../../images/rootfs/write-image.ts";
import { HostUnfit } from "../../base/errors.ts";
import type { MachineDriver } from "../../machine/machine.ts";
import { extractKernel, type KernelFiles } from "./helper-kernel.ts";
import { helperFirmware } from "./helper-machine.ts";
import type { HelperPurpose } from "./helper-purpose.ts";
import { imageFault, layerFault } from "./install-plan.ts";
import { tellUnpacking } from "./unpacking.ts";

export interface HelperImageRequest<Plan extends { readonly kernel: Startable }> {
  /** How the image is called in messages. */
  readonly name: string;
  readonly image: OciImageFacts;
  readonly purpose: HelperPurpose;
  /** What is added to the root. */
  readonly extra: readonly RootExtra[];
  /** Where the files go. Exists. */
  readonly folder: string;
  /** What is to be done, settled by what lies in the root; throws for an image in which it cannot be done. */
  readonly plan: (facts: RootFacts) => Plan;
  /** Told how far the layers are unpacked. */
  readonly onUnpacking: (stage: string) => void;
  readonly onNote: (text: string) => void;
  readonly signal: AbortSignal;
}

export interface HelperImage<Plan> extends KernelFiles {
  /** An erofs. */
  readonly root: string;
  readonly facts: RootFacts;
  readonly plan: Plan;
}

/**
 * A helper runs the image's own programs, so it has to be of the image's architecture. Throws HostUnfit where this host has no such machine.
 */
export async function requireHelper(
  driver: MachineDriver,
  architecture: OciImageFacts["architecture"],
  refusal: { readonly headline: string; readonly advice?: string },
): Promise<void> {
  const why = await driver.refuse({ architecture, firmware: helperFirmware(architecture) });
  if (why === null) return;
  throw new HostUnfit(refusal.headline, { details: { why, "to do": refusal.advice } });
}

/**
 * Writes the files. Throws ExpectationFailed for what is wrong with the image's own layers, kernel or root, CannotTell for layers and
 * kernels that we do not read.
 */
export async function writeHelperImage<Plan extends { readonly kernel: Startable }>(
  request: HelperImageRequest<Plan>,
): Promise<HelperImage<Plan>> {
  const { name, image, purpose, extra, folder, onUnpacking, onNote, signal } = request;
  const root = join(folder, "root.erofs");
  const writing = { image, target: root, extra, onProgress: tellUnpacking(onUnpacking), signal };
  const tree = await writeRootImage(writing).catch((error: unknown) => {
    throw layerFault(error);
  });
  const facts = await describeRoot(tree, image.architecture).catch((error: unknown) => {
    throw imageFault(error);
  });
  const plan = request.plan(facts);
  const files = await extractKernel({
    ...{ name, image, purpose, tree, folder, onNote },
    from: plan.kernel,
  });
  return { root, facts, plan, ...files };
}
