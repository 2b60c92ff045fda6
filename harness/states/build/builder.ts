/**
 * A builder makes an installed disk of an OCI image by the image's own `bootc install`. There are several ways to run
 * that; who needs a disk does not know which one it was.
 */
import type { OciImageFacts } from "../../../images/origins/oci-layout.ts";
import type { UsageError } from "../../base/errors.ts";
import type { HostCost } from "../../machine/machine.ts";
import type { MakeOptions } from "../state.ts";
import type { DiskRecipe } from "./recipe.ts";

/**
 * What makes a disk. All but `vm` run the image's own programs on the host as root, so they are taken only where somebody
 * names them: which image is tested is often decided by who opens a pull request.
 */
export const builderNames = ["vm", "podman", "host", "bootc-image-builder"] as const;
export type BuilderName = (typeof builderNames)[number];

export interface BuildRequest {
  /** How the image is called in messages. */
  readonly name: string;
  readonly image: OciImageFacts;
  readonly recipe: DiskRecipe;
  /** Where the disk goes. Does not exist yet; its folder does. */
  readonly target: string;
  /** An empty folder for what is needed on the way; its owner removes it. */
  readonly scratch: string;
}

export interface BuildResult {
  readonly format: "qcow2" | "raw";
  /** What made the disk. */
  readonly builder: BuilderName;
  /** What installed, by its own words: `bootc 1.16.9`. */
  readonly installer: string;
  /** The command of the installer, for people. */
  readonly command: string;
  /** `ext4`, `xfs`, `btrfs`. */
  readonly filesystem: string;
}

export interface DiskBuilder {
  readonly name: BuilderName;
  /** Raised with every change that gives another disk of the same image and recipe. */
  readonly revision: number;
  /** How long a build may take, milliseconds. */
  limitMs(image: OciImageFacts): number;
  cost(image: OciImageFacts): HostCost;
  /** Why this host cannot build so, with what to do; null where it can. Changes nothing. */
  refuse(): Promise<UsageError | null>;
  /**
   * Makes the disk. Throws CommandFailed where the installer's words prove that the image is to blame, ExpectationFailed for an
   * image that cannot be installed at all, HostUnfit and MachineFault for the host, CannotTell for everything else.
   */
  build(request: BuildRequest, how: MakeOptions): Promise<BuildResult>;
}
