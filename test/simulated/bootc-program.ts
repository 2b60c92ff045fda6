/**
 * `bootc` of the simulated guest: words, streams and exit codes of bootc 1.16.9 (a contract test holds it against the
 * transcripts), the work on the small model. Both backends; they differ in more words than they share.
 */

import { type Answer, bad, type Call, ok } from "./answer.ts";
import { fetchImage, type Source, spoiledPull, unreadable } from "./bootc-fetch.ts";
import { prepareSoftReboot, softly } from "./bootc-soft-reboot.ts";
import { hostStatus } from "./bootc-status.ts";
import { lint, printConfiguration } from "./bootc-verbs.ts";
import { collectDeployments, isKeptAlready } from "./composefs-kept.ts";
import { bindImages } from "./other-programs.ts";
import { layeredRefusal, layeredSwitch } from "./rpm-ostree-program.ts";
import type { Deployment, SimulatedSystem } from "./system.ts";
import type { SimulatedImage } from "./world.ts";

export function bootc(call: Call): Answer {
  const { args, system } = call;
  const [verb = "", ...rest] = args;
  switch (verb) {
    case "--version":
      return ok(`bootc ${system.world.bootc} (simulated)\n`);
    case "status":
      return status(system, rest);
    case "upgrade":
    case "update":
      return upgrade(call, rest);
    case "switch":
      return switchTo(call, rest);
    case "rollback":
      if (rest.includes("--apply") && !system.world.isAtLeast("1.1.7"))
        return usage("unexpected argument '--apply' found", "bootc rollback");
      return rollback(system, rest);
    case "usr-overlay":
    case "usroverlay":
      return usrOverlay(system, rest);
    case "install":
      if (rest[0] === "print-configuration") return printConfiguration(call);
      return usage(`unrecognized subcommand '${rest[0] ?? ""}'`, "bootc install <COMMAND>");
    case "internals":
      if (rest[0] === "prep-soft-reboot") return prepareSoftReboot(system, rest.slice(1));
      return usage(`unrecognized subcommand '${rest[0] ?? ""}'`, "bootc internals <COMMAND>");
    case "container":
      if (rest[0] === "lint") return lint(call);
      return usage(`unrecognized subcommand '${rest[0] ?? ""}'`, "bootc container <COMMAND>");
    default:
      return usage(`unrecognized subcommand '${verb}'`, "bootc <COMMAND>");
  }
}

/** Keys that came after 1.1.4 (bootc-dev/bootc, `docs/src/host-v1.schema.json`). */
const newerKeys =
  /^(?:architecture|stateroot|softRebootCapable|downloadOnly|readOnly|usrOverlay|composefs)$/;
const asOldBootc = (key: string, value: unknown): unknown =>
  newerKeys.test(key) ? undefined : value;

const usage = (what: string, line: string): Answer =>
  bad(2, `error: ${what}\n\nUsage: ${line}\n\nFor more information, try '--help'.`);

function status(system: SimulatedSystem, options: readonly string[]): Answer {
  const version = options.find((word) => word.startsWith("--format-version="))?.split("=")[1];
  if (version !== undefined && version !== "0" && version !== "1")
    return bad(1, `error: Status: Unsupported format version: ${version}`);
  if (!options.includes("--format=json") && !options.includes("--json"))
    return bad(2, "error: the simulated bootc prints JSON only");
  // Canonical JSON has no newline at its end.
  const host = hostStatus(system, options.includes("--booted"));
  return ok(JSON.stringify(host, system.world.isAtLeast("1.16") ? undefined : asOldBootc));
}

const upgradeOptions = [
  ...["--check", "--apply", "--download-only", "--from-downloaded", "--quiet"],
  "--soft-reboot=required",
];

function upgrade({ system, files }: Call, options: readonly string[]): Answer {
  const unknown = options.find((word) => !upgradeOptions.includes(word));
  if (unknown !== undefined)
    return usage(`unexpected argument '${unknown}' found`, "bootc upgrade [OPTIONS]");
  const { booted, staged } = system;
  if (booted.layered.length + (staged?.layered.length ?? 0) > 0)
    return system.is("upgrades-layered")
      ? ok("No update available.\n")
      : bad(1, `error: Upgrading: ${layeredRefusal}`);
  if (options.includes("--from-downloaded")) return unlock(staged);
  const { reference, transport } = staged ?? booted;
  if (system.is("upgrade-deaf") && transport !== "registry") return ok("No update available.\n");
  const enforced = (staged ?? booted).enforced === true;
  const found = fetchImage({ system, files }, { reference, transport, enforced }, "Upgrading");
  if (typeof found !== "string") return found;
  const digest = found;
  const image = system.world.image(digest);
  const spoiled = transport === "registry" && spoiledPull(system, "Upgrading", reference, image);
  if (spoiled) return spoiled;
  // Whatever else it was asked for (bootc-dev/bootc, `bootc_composefs/update.rs`).
  if (isKeptAlready(system, image))
    return ok(`No changes in${staged === null ? "" : " staged image"}: ${reference}\n`);
  if (options.includes("--check")) return check(system, image, reference);
  const downloadOnly = options.includes("--download-only");
  const answer = upgradeNow(system, image, { reference, transport, enforced }, downloadOnly);
  if (options.includes("--soft-reboot=required")) return softly(system, answer);
  const applies = options.includes("--apply") && !system.is("apply-ignored");
  // Only where there is something to boot into (bootc-dev/bootc, `cli.rs`).
  return applies && system.staged !== null ? { ...answer, afterwards: "reboot" } : answer;
}

function upgradeNow(
  system: SimulatedSystem,
  image: SimulatedImage,
  source: Source,
  downloadOnly: boolean,
): Answer {
  const { booted, staged } = system;
  const { reference } = source;
  const again = system.is("upgrade-noop-stages");
  const isComposefs = system.world.backend === "composefs";
  if (staged?.image.digest === image.digest)
    return ok(`${unchanged(image, reference)}${stagedAlready(staged, downloadOnly)}`);
  if (staged === null && booted.image.digest === image.digest && !again) {
    // It is pulled for this reference all the same.
    system.imported.set(reference, image.digest);
    return ok(
      isComposefs
        ? `No changes in: ${reference}\n`
        : `${unchanged(image, reference)}No update available.\n`,
    );
  }
  return stage(system, image, source, downloadOnly);
}

const unchanged = (image: SimulatedImage, reference: string): string =>
  `No changes in ${reference} => ${image.digest}\n`;

function unlock(staged: Deployment | null): Answer {
  if (staged === null) return bad(1, "error: Upgrading: No staged deployment found");
  return ok(unlocked(staged));
}

function unlocked(staged: Deployment): string {
  if (!staged.downloadOnly) return "Staged deployment is already set to apply on reboot\n";
  staged.downloadOnly = false;
  return "Staged deployment will now be applied on reboot\n";
}

function stagedAlready(staged: Deployment, downloadOnly: boolean): string {
  const same = "Staged update present, not changed\n";
  if (downloadOnly) {
    staged.downloadOnly = true;
    return `${same}Image downloaded, but will not be applied on reboot\n`;
  }
  return staged.downloadOnly ? `${same}${unlocked(staged)}` : same;
}

function check(system: SimulatedSystem, image: SimulatedImage, reference: string): Answer {
  const isComposefs = system.world.backend === "composefs";
  const place = isComposefs ? reference : `docker://${reference}`;
  const cries = system.is("check-cries") || system.is("check-cries-itself");
  if (system.imported.get(reference) === image.digest && !cries)
    return ok(`No changes in: ${place}\n`);
  if (system.is("check-blind")) return ok(`No changes in: ${place}\n`);
  if (system.is("check-stages")) system.staged = system.deploy(image, reference);
  if (!system.is("check-cries")) system.booted.cachedUpdate = image;
  if (isComposefs) return ok(manifestDiff);
  return ok(`Update available for: ${place}\n${versionLines(image)}${manifestDiff}`);
}

function stage(
  system: SimulatedSystem,
  image: SimulatedImage,
  { reference, transport, enforced }: Source,
  downloadOnly: boolean,
): Answer {
  const isComposefs = system.world.backend === "composefs";
  const lacking = bindImages(system, image);
  if (lacking !== null) {
    if (system.is("bound-staged")) system.staged = system.deploy(image, reference, transport);
    return lacking;
  }
  const isPresent = system.imported.get(reference) === image.digest;
  system.imported.set(reference, image.digest);
  if (!system.is("loses-staged")) {
    system.staged = {
      ...system.deploy(image, reference, transport),
      downloadOnly,
      enforced: enforced && !system.is("policy-untold"),
    };
    system.collectLayers();
    collectDeployments(system);
    system.logStaged();
    if (!isComposefs) noteRebootRequired(system, image);
  }
  // The composefs backend stages without a word.
  if (isComposefs) return ok();
  const first = isPresent
    ? unchanged(image, reference)
    : "layers already present: 3; layers needed: 1 (405 bytes)\n";
  return { ...ok(`${first}${queuedLines(image, reference)}`), stderr: deploying };
}

const deploying = "Deploying...done (1 second)\n";

const queuedLines = (image: SimulatedImage, reference: string): string =>
  `Queued for next boot: ${reference}\n${versionLines(image)}${manifestDiff}`;

const noteRebootRequired = (system: SimulatedSystem, image: SimulatedImage): void =>
  void system.files.set(
    "/run/reboot-required",
    `bootc: Reboot required for image: ${image.digest}`,
  );

function switchTo(call: Call, options: readonly string[]): Answer {
  const { system } = call;
  const place = options.indexOf("--transport");
  const transport = place < 0 ? "registry" : (options[place + 1] ?? "");
  const words = options.filter(
    (word, index) => !word.startsWith("-") && options[index - 1] !== "--transport",
  );
  const reference = words[0];
  if (reference === undefined)
    return usage(
      "the following required arguments were not provided:\n  <TARGET>",
      "bootc switch [OPTIONS] <TARGET>",
    );
  if (options.includes("--mutate-in-place")) return mutate(call, reference);
  const now = system.staged ?? system.booted;
  const refusal = now.layered.length > 0 ? layeredSwitch(system) : null;
  if (refusal !== null) return bad(1, `error: Switching: ${refusal}`);
  const enforced = options.includes("--enforce-container-sigpolicy");
  const isSame = now.reference === reference && now.transport === transport;
  if (now.layered.length === 0 && isSame && (now.enforced === true) === enforced)
    return ok("Image specification is unchanged.\n");
  const found = fetchImage(call, { reference, transport, enforced }, "Switching");
  if (typeof found !== "string") return found;
  const image = system.world.image(found);
  const spoiled = transport === "registry" && spoiledPull(system, "Switching", reference, image);
  if (spoiled) return spoiled;
  if (image.hasDockerManifest === true && transport.startsWith("oci"))
    return unreadable(system, transport, reference);
  if (isKeptAlready(system, image)) return ok(`No changes in image: ${reference}\n`);
  if (system.is("switch-ignored"))
    return system.world.backend === "composefs" ? ok() : ok(queuedLines(image, reference));
  const kept = system.is("digest-forgotten") ? reference.replace(/@.*/, ":stable") : reference;
  return stage(system, image, { reference: kept, transport, enforced }, false);
}

/** bootc does not open /sysroot for it; the composefs backend has no origin at the place it looks at. */
function mutate({ system, mounts }: Call, reference: string): Answer {
  if (system.world.backend === "composefs")
    return bad(1, "error: Switching: No such file or directory (os error 2)");
  if (!mounts.sysrootWritable)
    return bad(1, "error: Switching: Writing origin: Read-only file system (os error 30)");
  if (!system.is("follow-ignored")) system.booted.reference = reference;
  const { checksum, serial } = system.booted;
  return ok(`Updated ${checksum}.${serial} to pull from ostree-unverified-registry:${reference}\n`);
}

function rollback(system: SimulatedSystem, options: readonly string[]): Answer {
  const { rollback: target, booted } = system;
  const isComposefs = system.world.backend === "composefs";
  if (target === null) {
    const where = isComposefs ? "Rolling back composefs" : "Rollback (ostree)";
    return bad(1, `error: Rollback: ${where}: No rollback available`);
  }
  if (target.layered.length > 0 && !system.is("rollback-to-layers"))
    return bad(1, "error: Rollback: Rollback (ostree): Rollback is not container image based");
  const reverting = system.deployments[0] === target;
  if (!system.is("rollback-keeps-staged")) system.staged = null;
  const { others } = system;
  if (reverting && system.is("rollback-sticks")) return ok("Next boot: rollback deployment\n");
  if (!system.is("rollback-ignored"))
    system.deployments = [...(reverting ? [booted, target] : [target, booted]), ...others];
  if (!isComposefs) noteRebootRequired(system, (reverting ? booted : target).image);
  const text = reverting
    ? "notice: Reverting queued rollback state\nNext boot: current deployment\n"
    : "Next boot: rollback deployment\n";
  if (!reverting) system.log("bootc", `Rolling back to image: ${target.image.digest}`);
  return options.includes("--apply") ? { ...ok(text), afterwards: "reboot" } : ok(text);
}

function usrOverlay(system: SimulatedSystem, options: readonly string[]): Answer {
  system.overlayPackages = [];
  const isClosed = options.includes("--read-only") && !system.is("overlay-open");
  if (!system.is("overlay-ignored")) system.usrOverlay = isClosed ? "readOnly" : "readWrite";
  if (options.includes("--read-only")) return ok("A read-only overlayfs is now mounted on /usr.\n");
  return ok(
    "Development mode enabled.  A writable overlayfs is now mounted on /usr.\nAll changes there will be discarded on reboot.\n\n",
  );
}

const versionLines = (image: SimulatedImage): string =>
  `  Version: ${image.version}\n  Digest: ${image.digest}\n`;

const manifestDiff = [
  "Total new layers: 4     Size: 264.5\u00a0MB",
  "Removed layers:   1     Size: 283 bytes",
  "Added layers:     1     Size: 405 bytes\n",
].join("\n");
