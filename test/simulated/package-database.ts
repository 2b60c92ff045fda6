/** The package database of the simulated guest, as far as stories ask rpm(8). */
import { type Answer, bad, type Call, ok } from "./answer.ts";
import { packagesOf } from "./changed-base.ts";
import type { SimulatedSystem } from "./system.ts";
import { kernelOf, type SimulatedImage, type SimulatedWorld } from "./world.ts";

const release = "1.noarch";
const nameOf = (nevra: string): string => nevra.replace(/-[^-]+-[^-]+$/, "");

const parts = Array.from({ length: 30 }, (_, at) => `part-${String(at + 1).padStart(2, "0")}`);
/** A few of many, as an update has it. */
const ofEachVersion = ["app", ...parts.slice(-3)];

/** What an image has of its own. One that only packages were put into is of the version of the one below it. */
const releasePackages = ({ version }: SimulatedImage, { patched }: SimulatedWorld): string[] =>
  ["base", "app", ...parts].map((name) => {
    const isNew = patched.length === 0 && ofEachVersion.includes(name);
    return `simulated-${name}-${isNew ? version.replace(/\..*$/, "") : "1"}-${release}`;
  });

/** Whether an image has other files than the packages that are patched in all but the first. */
const isPatched = (installed: string, { version }: SimulatedImage, world: SimulatedWorld) =>
  version !== "v1" && world.patched.some((name) => nameOf(installed) === `simulated-${name}`);

/** The kernel that runs: an image's own, but for what keeps the one below it. */
export const runningKernel = (system: SimulatedSystem): string =>
  system.is("kernel-stays") ? "7.2.0-sim" : kernelOf(system.booted.image);

const kernelPackage = (image: SimulatedImage): string =>
  `simulated-kernel-${kernelOf(image).replace("-sim", "")}-1.x86_64`;

/** What wants the kernel's package by name goes with it. */
function wantingKernel(image: SimulatedImage, { wantsKernel }: SimulatedWorld): string[] {
  if (wantsKernel === null || image.otherKernel !== undefined) return [];
  return wantsKernel === "other"
    ? ["simulated-tracing-5-1.x86_64"]
    : [kernelPackage(image).replace("-kernel-", "-kernel-matched-")];
}

/** What the database of the booted image has, and what came to it in an overlay. */
export function installedPackages(system: SimulatedSystem): string[] {
  const deployment = system.is("database-stays")
    ? (system.deployments.at(-1) ?? system.booted)
    : system.booted;
  const { image } = deployment;
  const own = [
    kernelPackage(image),
    ...wantingKernel(image, system.world),
    ...releasePackages(image, system.world),
    ...packagesOf(deployment),
  ];
  return [...own, ...(system.usrOverlay === null ? [] : system.overlayPackages)].sort();
}

/** rpm(8) `-qa`, `-V`, and of what is asked by name the packages of the kernel. */
export function rpm({ args, system }: Call): Answer {
  const installed = installedPackages(system);
  if (args[0] === "-qa") return ok(installed.map((name) => `${name}\n`).join(""));
  if (args[1] === "--whatprovides")
    return ok(
      installed.map((one) => (nameOf(one) === "simulated-kernel" ? `${one}\n` : "")).join(""),
    );
  if (args[1] === "--whatrequires") {
    const wanting = args.includes("simulated-kernel")
      ? wantingKernel(system.booted.image, system.world)
      : [];
    return { ...ok(`no package requires kernel-uname-r\n${wanting.join("\n")}\n`), exitCode: 1 };
  }
  const name = args.at(-1) ?? "";
  if (!installed.some((one) => one === name || nameOf(one) === name))
    return bad(1, `package ${name} is not installed`);
  const { image } = system.booted;
  const isOther =
    name.startsWith("simulated-") &&
    ![kernelPackage(image), ...wantingKernel(image, system.world)].includes(name) &&
    !releasePackages(image, system.world).includes(name);
  if (name === kernelPackage(image) && system.is("kernel-incomplete"))
    return {
      ...ok(`missing     /lib/modules/${kernelOf(image)}/kernel/fs/ext4.ko.xz\n`),
      exitCode: 1,
    };
  const missing = `missing     /usr/share/${nameOf(name)}/about\n`;
  return isOther || isPatched(name, image, system.world) ? { ...ok(missing), exitCode: 1 } : ok();
}

/** `commands.rpmOwnersOfDifferences`: all files of what is of each version differ between two versions. */
export function ownersOfDifferences(commits: readonly string[], system: SimulatedSystem): Answer {
  const found = commits.map((one) => system.deployments.find(({ checksum }) => checksum === one));
  const [one, other] = found.map((deployment) => deployment?.image);
  if (one === undefined || other === undefined)
    return bad(1, `error: No such metadata object ${commits.join(" or ")}.commit`);
  const { world } = system;
  const differ = releasePackages(one, world).filter(
    (name) => !releasePackages(other, world).includes(name),
  );
  const owners = installedPackages(system).filter(
    (name) =>
      differ.some((gone) => nameOf(gone) === nameOf(name)) ||
      isPatched(name, one, world) !== isPatched(name, other, world),
  );
  return ok(owners.map((name) => `${name}\n`).join(""));
}
