/** `bootc` of the simulated guest: messages and exit codes as upstream's, the work on the small model. */

import { type Answer, bad, type Call, ok } from "./answer.ts";
import { hostStatus } from "./bootc-status.ts";
import type { Deployment, SimulatedSystem } from "./system.ts";
import type { SimulatedImage } from "./world.ts";

export function bootc({ args, system }: Call): Answer {
  const [verb = "", ...rest] = args;
  switch (verb) {
    case "--version":
      return ok("bootc 1.16.9 (simulated)\n");
    case "status":
      return status(system, rest);
    case "upgrade":
    case "update":
      return upgrade(system, rest);
    case "switch":
      return switchTo(system, rest);
    case "rollback":
      return rollback(system, rest);
    default:
      return bad(2, `error: unrecognized subcommand '${verb}'`);
  }
}

function status(system: SimulatedSystem, options: readonly string[]): Answer {
  if (!options.includes("--format=json") && !options.includes("--json"))
    return bad(2, "error: the simulated bootc prints JSON only");
  // Canonical JSON has no newline at its end.
  return ok(JSON.stringify(hostStatus(system, options.includes("--booted"))));
}

function upgrade(system: SimulatedSystem, options: readonly string[]): Answer {
  const { booted, staged } = system;
  if (options.includes("--from-downloaded")) return unlock(staged);
  const { reference } = staged ?? booted;
  const digest = system.world.resolve(reference, system.forwards);
  if (digest === null) return noManifest("Upgrading", reference);
  const image = system.world.image(digest);
  if (options.includes("--check")) return check(system, image, reference);
  if (staged?.image.digest === digest) return stagedAlready(staged, options);
  const nothingNew = staged === null && booted.image.digest === digest;
  if (nothingNew && !system.is("upgrade-noop-stages"))
    return ok(`No changes in ${reference} => ${digest}\nNo update available.\n`);
  const answer = stage(system, image, reference, options.includes("--download-only"));
  return options.includes("--apply") ? { ...answer, afterwards: "reboot" } : answer;
}

function unlock(staged: Deployment | null): Answer {
  if (staged === null) return bad(1, "error: Upgrading: No staged deployment found");
  if (!staged.downloadOnly) return ok("Staged deployment is already set to apply on reboot\n");
  staged.downloadOnly = false;
  return ok("Staged deployment will now be applied on reboot\n");
}

function stagedAlready(staged: Deployment, options: readonly string[]): Answer {
  if (options.includes("--download-only"))
    return ok("Image downloaded, but will not be applied on reboot\n");
  return staged.downloadOnly ? unlock(staged) : ok("Staged update present, not changed\n");
}

function check(system: SimulatedSystem, image: SimulatedImage, reference: string): Answer {
  if (image.digest === system.booted.image.digest)
    return ok(`No changes in: docker://${reference}\n`);
  system.cachedUpdate = image;
  return ok(`Update available for: docker://${reference}\n${versionLines(image)}`);
}

function stage(
  system: SimulatedSystem,
  image: SimulatedImage,
  reference: string,
  downloadOnly: boolean,
): Answer {
  if (!system.is("loses-staged")) {
    system.staged = { ...system.deploy(image, reference), downloadOnly };
    system.files.set("/run/reboot-required", `bootc: Reboot required for image: ${image.digest}\n`);
  }
  return ok(
    `layers already present: 3; layers needed: 1 (1.0 MiB)\nQueued for next boot: ${reference}\n${versionLines(image)}`,
  );
}

function switchTo(system: SimulatedSystem, options: readonly string[]): Answer {
  const words = options.filter(
    (word, index) => !word.startsWith("-") && options[index - 1] !== "--transport",
  );
  const reference = words[0];
  if (reference === undefined)
    return bad(2, "error: the following required arguments were not provided:\n  <TARGET>");
  if (options.includes("--mutate-in-place")) {
    system.booted.reference = reference;
    return ok(`Updated default-${system.booted.checksum}.0 to pull from ${reference}\n`);
  }
  if ((system.staged ?? system.booted).reference === reference)
    return ok("Image specification is unchanged.\n");
  const digest = system.world.resolve(reference, system.forwards);
  if (digest === null) return noManifest("Switching", reference);
  const image = system.world.image(digest);
  if (system.is("switch-ignored"))
    return ok(`Queued for next boot: ${reference}\n${versionLines(image)}`);
  return stage(system, image, reference, false);
}

function rollback(system: SimulatedSystem, options: readonly string[]): Answer {
  const { rollback: target, booted } = system;
  if (target === null) return bad(1, "error: No rollback available");
  const reverting = system.deployments[0] === target;
  system.staged = null;
  if (!system.is("rollback-ignored"))
    system.deployments = reverting ? [booted, target] : [target, booted];
  const text = reverting
    ? "notice: Reverting queued rollback state\nNext boot: current deployment\n"
    : "Next boot: rollback deployment\n";
  if (!reverting) system.log("bootc", `Rolling back to image: ${target.image.digest}`);
  return options.includes("--apply") ? { ...ok(text), afterwards: "reboot" } : ok(text);
}

const versionLines = (image: SimulatedImage): string =>
  `  Version: ${image.version}\n  Digest: ${image.digest}\n`;

const noManifest = (context: string, reference: string): Answer =>
  bad(
    1,
    `error: ${context}: Creating importer: failed to invoke method OpenImage: reading manifest of ${reference}: manifest unknown`,
  );
