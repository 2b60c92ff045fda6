/**
 * What is known of an installation before anything runs: whether the image can install itself at all, on which file
 * system, and by which command. What is wrong with an image's own files is the image's fault.
 */
import type { OciImageFacts } from "../../../images/origins/oci-layout.ts";
import {
  type RootFacts,
  requireInstallable,
  type Startable,
} from "../../../images/rootfs/facts.ts";
import { LayerBroken, LayerRefused } from "../../../images/rootfs/layer-stream.ts";
import { CannotTell, ExpectationFailed, UsageError } from "../../base/errors.ts";
import { quoteArgument } from "../../base/quote.ts";
import { helperSource } from "./image-source.ts";
import type { DiskRecipe } from "./recipe.ts";

/** What a person can do where the helper machine does not work. */
export const otherBuilder =
  "take another builder (--builder podman or --builder host, as root), or install the image yourself and name the disk";

export interface InstallPlan {
  readonly kernel: Startable;
  /** `ext4`, `xfs`, `btrfs`. */
  readonly filesystem: string;
}

/**
 * Looks through an image's root. Throws ExpectationFailed for an image that cannot install itself, UsageError for a file
 * system that was asked for and that it cannot make.
 */
export function planInstall(facts: RootFacts, recipe: DiskRecipe, name: string): InstallPlan {
  const kernel = asImageFault(() => requireInstallable(facts, name));
  const filesystem = filesystemOf(recipe, facts);
  if (facts.mkfs.includes(filesystem)) return { kernel, filesystem };
  const headline = `The image '${name}' cannot make a file system of kind ${filesystem}.`;
  const details = { "looked for": `mkfs.${filesystem}`, has: facts.mkfs.join(", ") };
  if (recipe.filesystem === null && facts.install.filesystem !== null)
    throw new ExpectationFailed(headline, { details });
  throw new UsageError(headline, { details: { ...details, "to do": "name one by --filesystem" } });
}

/** Read by itself a bad image is bad input; as the candidate of a run it is what the run is about. */
export function asImageFault<T>(look: () => T): T {
  try {
    return look();
  } catch (error) {
    throw imageFault(error);
  }
}

/** As `asImageFault`, for what has already been thrown. */
export function imageFault(error: unknown): unknown {
  if (!(error instanceof UsageError)) return error;
  return new ExpectationFailed(error.headline, { details: error.details, cause: error });
}

/** A layer that nobody can unpack is the image's fault, one that we refuse is not; a damaged copy stays what it is. */
export function layerFault(error: unknown): unknown {
  if (error instanceof LayerBroken) return imageFault(error);
  if (!(error instanceof LayerRefused)) return error;
  // Every builder reads the layers by the same reader.
  const details = { ...error.details, "to do": "install the image yourself, and name the disk" };
  return new CannotTell(error.headline, { details, cause: error });
}

const filesystemOf = (recipe: DiskRecipe, { install }: RootFacts): string =>
  recipe.filesystem ?? install.filesystem ?? "ext4";

export interface InstallWords {
  readonly image: OciImageFacts;
  readonly recipe: DiskRecipe;
  readonly facts: RootFacts;
  /** A block device. */
  readonly target: string;
}

/**
 * The installer's command. bootc takes the file system from the image where no option names one, and refuses where
 * neither does.
 */
export function installCommand({ image, recipe, facts, target }: InstallWords): string[] {
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
    // For both kinds of firmware, and without entries in the variables of the machine that it runs on.
    "--generic-image",
    ...filesystem,
    ...(recipe.backend === "composefs" ? ["--composefs-backend"] : []),
    ...(recipe.bootloader === null ? [] : ["--bootloader", recipe.bootloader]),
    ...recipe.kernelArguments.flatMap((argument) => ["--karg", argument]),
    "--wipe",
    target,
  ];
}

/** A command as a person would type it. */
export const typed = (command: readonly string[]): string => command.map(quoteArgument).join(" ");
