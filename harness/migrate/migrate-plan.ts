/**
 * How a host with packages of its own comes to bootc: what is kept, what `bootc switch` drops without a word, what is needed, and the
 * image that has it all. Pure: a status in, a plan out.
 */
import { UsageError } from "../base/errors.ts";
import {
  activeChanges,
  changeRows,
  isLayered,
  type LocalChanges,
  localChanges,
  type RpmOstreeDeployment,
  type RpmOstreeStatus,
} from "../guest/tools/rpm-ostree.ts";
import { type BaseImage, baseImageOf, unknownBase } from "./base-image.ts";
import { told } from "./checked-words.ts";
import { containerfile } from "./containerfile.ts";
import { kargsToml } from "./kernel-arguments.ts";
import { neededWords } from "./needed.ts";

export type Slot = "booted" | "next";

export interface MigratePlan {
  /** The deployment that is planned for, and why that one. */
  readonly deployment: {
    readonly id: string;
    readonly version: string | null;
    readonly slot: "booted" | "staged" | "pending" | "first";
    readonly why: string;
  };
  readonly base: string | null;
  readonly isLayered: boolean;
  readonly kept: readonly string[];
  /** What the staged deployment of `bootc switch` does not have unless the image brings it. */
  readonly dropped: readonly { readonly what: string; readonly names: readonly string[] }[];
  /** What a person has to provide or to look at. */
  readonly needed: readonly string[];
  readonly containerfile: string;
  /** For machines that get installed from the image; null without a list of arguments, or with none worth it. */
  readonly kargsToml: string | null;
  readonly steps: readonly string[];
}

export interface PlanInput {
  readonly status: RpmOstreeStatus;
  readonly slot: Slot;
  /** What `rpm-ostree kargs` printed, in words; null where nobody gave it. */
  readonly kernelArguments: readonly string[] | null;
}

/** Throws UsageError where the wanted deployment is not there, or holds words that no Containerfile may have. */
export function planMigration({ status, slot, kernelArguments }: PlanInput): MigratePlan {
  const { index, ...deployment } = chooseDeployment(status, slot);
  const one = status.deployments[index] as RpmOstreeDeployment;
  const changes = localChanges(one);
  // bootc counts what was asked for; an image is made of what was done.
  const active = activeChanges(changes);
  const base = baseImageOf(one);
  const toml = kernelArguments === null ? null : kargsToml(kernelArguments);
  return {
    deployment,
    base: base.reference,
    isLayered: isLayered(changes),
    kept: keptWords(kernelArguments),
    dropped: changeRows(changes).map(({ what, names }) => ({
      what,
      names: names.map((name) => told(name)),
    })),
    needed: neededWords(one, active, base, toml),
    containerfile: containerfile({
      base,
      changes: active,
      title: `Made by bootgate migrate-plan for deployment ${deployment.id}.`,
    }),
    kargsToml: toml,
    steps: steps(index, changes, base, status),
  };
}

function chooseDeployment(
  { deployments }: RpmOstreeStatus,
  slot: Slot,
): MigratePlan["deployment"] & { readonly index: number } {
  const booted = deployments.findIndex((one) => one.booted);
  const next = deployments[0] as RpmOstreeDeployment;
  const named = (index: number) => {
    const { id, checksum, version } = deployments[index] as RpmOstreeDeployment;
    return {
      index,
      id: told(id || checksum, 200),
      version: version === null ? null : told(version, 100),
    };
  };
  const kind = next.staged ? "staged" : "pending";
  if (slot === "next") {
    if (booted !== 0)
      return {
        ...named(0),
        slot: kind,
        why: "It is the one that boots next, as --deployment next asks for.",
      };
    throw new UsageError(
      "No other deployment than the booted one boots next, so there is nothing to plan for.",
      {
        details: { "to do": "leave out --deployment next" },
      },
    );
  }
  if (booted === -1)
    return {
      ...named(0),
      slot: "first",
      why: "The status does not say which one is booted, so it is the first one.",
    };
  const others =
    changesOf(next) === changesOf(deployments[booted] as RpmOstreeDeployment)
      ? "with the same changes"
      : "with OTHER changes: reboot into it first, or plan for it by --deployment next";
  const why =
    booted === 0
      ? "It is the booted one."
      : `It is the booted one. A ${kind} deployment boots next, ${others}. \`bootc switch\` discards it, and with it kernel arguments that were set for it, which this status does not tell.`;
  return { ...named(booted), slot: "booted", why };
}

const changesOf = (one: RpmOstreeDeployment): string =>
  JSON.stringify(changeRows(localChanges(one)));

const keptWords = (kernelArguments: readonly string[] | null): string[] => [
  "/var, with home folders, Flatpaks and containers: it is not part of a deployment",
  "/etc, with users, groups, SSH host keys, connections and enabled units: it is merged into the new deployment",
  `kernel arguments of this machine${kernelArguments === null ? "" : ` (${kernelArguments.length} of them)`}: the new deployment gets the booted one's`,
];

function steps(
  index: number,
  changes: LocalChanges,
  base: BaseImage,
  { deployments }: RpmOstreeStatus,
): string[] {
  const layered = isLayered(changes);
  // One that is staged cannot be pinned (ostree-admin-pin(1)), and it is today's that has to stay.
  const today = deployments.findIndex((one) => one.booted);
  const policy = base.isSigned ? " --enforce-container-sigpolicy" : "";
  const isContainer = deployments[index]?.["container-image-reference"] != null;
  if (!layered)
    return isContainer && !base.isPinned
      ? ["sudo bootc upgrade    # nothing is layered, so bootc can manage this host as it is"]
      : [
          `sudo bootc switch${policy} ${(base.reference ?? unknownBase).replace(/@.*$/, ":TAG")}    # nothing is layered, so the base image is enough${base.isPinned ? "; what the host follows is a digest, for which `bootc upgrade` never finds an update" : ""}`,
          "sudo systemctl reboot",
        ];
  return [
    "put what is needed beside the Containerfile",
    "podman build --pull=newer -t REGISTRY/NAME:TAG .",
    `podman push REGISTRY/NAME:TAG${changes.initramfsEtc.length === 0 ? "" : "    # the files of /etc are in it: where one is a secret, to a place that this host alone can pull from"}`,
    `sudo ostree admin pin ${today === -1 ? index : today}    # keeps the deployment of today, whatever comes after it; the number is its place in \`rpm-ostree status\``,
    `sudo bootc switch${policy} REGISTRY/NAME:TAG`,
    "sudo systemctl reboot",
    "bootc status    # the booted image is yours, and `incompatible` is gone; then look for what a package brought",
    "to go back: sudo rpm-ostree rollback && sudo systemctl reboot    # bootc rollback refuses: the deployment of today is not from an image alone. Where the new image does not have rpm-ostree, the boot menu does it",
  ];
}
