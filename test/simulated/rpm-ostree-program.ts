/**
 * rpm-ostree and rpm of the simulated guest, with the words and the JSON of the real ones as far as stories use them: packages from a
 * file are layered or replace those of the base, others are removed, and what was changed is told, reset and rolled back.
 */
import { layeredPackage } from "../../harness/engine/layered-package.ts";
import { type Answer, bad, type Call, ok } from "./answer.ts";
import { activeOf, asked, inactiveIn, layeredIn, removedFrom, replacedIn } from "./changed-base.ts";
import { installedPackages } from "./package-database.ts";
import type { Deployment, SimulatedSystem } from "./system.ts";

export const layeredRefusal =
  "Deployment contains local rpm-ostree modifications; cannot upgrade via bootc. You can run `rpm-ostree reset` to undo the modifications.";

/** How bootc refuses to switch a layered host, or null where it does not, as the real one. */
export function layeredSwitch(system: SimulatedSystem): string | null {
  if (system.is("switch-fails-layered"))
    return "Pulling: Importing: Unencapsulating base: Layer sha256:0123: Broken pipe";
  return system.world.refusesLayeredSwitch ? layeredRefusal : null;
}

const queued = 'Changes queued for next boot. Run "systemctl reboot" to start a reboot\n';

export function rpmOstree({ args, system, files }: Call): Answer {
  const [verb, ...rest] = args;
  switch (verb) {
    case "--version":
      return ok("rpm-ostree:\n Version: '2026.2'\n");
    case "status":
      return ok(JSON.stringify(status(system)));
    case "install":
    case "override":
      return change({ args, system, files });
    case "reset":
      stage(system, []);
      return ok(queued);
    case "kargs":
      system.ownArguments.push(...rest.map((word) => word.replace(/^--append=/, "")));
      stage(system, (system.staged ?? system.booted).layered);
      return ok(`Kernel arguments updated.\n${queued}`);
    case "rollback":
      return rollback(system);
    default:
      return bad(1, `error: Unknown command '${verb ?? ""}'`);
  }
}

/** Layers, replaces and removes packages. A file that is fetched by its address is there. */
function change({ args, system, files }: Pick<Call, "args" | "system" | "files">): Answer {
  const path = args
    .map((word) => word.replace(/^--install=/, ""))
    .find((word) => word.startsWith("/"));
  if (path !== undefined && files.read(path) === null)
    return bad(1, `error: Can't open file "${path}" for reading`);
  if (system.is("wants-repositories"))
    return bad(1, "error: Updating rpm-md repo 'fedora': cannot update repo 'fedora'");
  const words = asked(args).filter((word) => !system.is("override-ignored") || !/^[-=]/.test(word));
  const layered = [...(system.staged ?? system.booted).layered, ...words];
  return ok(`${toldInactive(inactiveIn(stage(system, layered)))}${queued}`);
}

/** Told before anything is done; the command succeeds. */
const toldInactive = (words: readonly string[]): string =>
  (["-removals", "=replacements"] as const)
    .map((kind) => {
      const those = words.filter((word) => word.startsWith(kind.charAt(0)));
      const rows = those.map((word) => `  ${word.slice(1)}\n`).join("");
      return rows === "" ? "" : `Inactive base ${kind.slice(1)}:\n${rows}`;
    })
    .join("");

function stage(system: SimulatedSystem, layered: readonly string[]): Deployment {
  const { image, reference, transport } = system.staged ?? system.booted;
  const base = system.is("base-database-stale") ? { ...image, baseDatabase: [] } : image;
  const staged = system.deploy(base, reference, transport, layered);
  system.staged = staged;
  system.logStaged();
  return staged;
}

function rollback(system: SimulatedSystem): Answer {
  const { rollback: target, booted, others } = system;
  if (target === null)
    return bad(1, "error: Found 1 deployments, at least 2 required for rollback");
  system.staged = null;
  if (!system.is("rpm-ostree-stays")) system.deployments = [target, booted, ...others];
  return ok(`Moving '${target.checksum}.0' to be first deployment\n`);
}

function status(system: SimulatedSystem): object {
  const { booted, staged, deployments } = system;
  const all = [...(staged === null ? [] : [staged]), ...deployments];
  const isUntold = system.is("overrides-untold");
  const entry = (one: Deployment): object => ({
    id: `default-${one.checksum}.${one.serial}`,
    osname: "default",
    checksum: one.checksum,
    serial: one.serial,
    booted: one === booted,
    staged: one === staged,
    pinned: one.pinned,
    unlocked: "none",
    version: one.image.version,
    "container-image-reference": `ostree-unverified-registry:${one.reference}`,
    "container-image-reference-digest": one.image.digest,
    "requested-packages": [],
    "requested-local-packages": system.is("layers-untold") ? [] : layeredIn(one),
    "requested-base-removals": isUntold ? [] : removedFrom(one),
    "requested-base-local-replacements": isUntold ? [] : replacedIn(one),
    "base-removals": (isUntold ? [] : removedFrom(activeOf(one))).map((name) => [
      `${name}-1-1.noarch`,
      name,
    ]),
    "base-local-replacements": (isUntold ? [] : replacedIn(activeOf(one))).map((nevra) => [
      [nevra],
      [nevra],
    ]),
    packages: [],
    ...(one.layered.length === 0
      ? {}
      : { "base-checksum": system.deploy(one.image, one.reference).checksum }),
  });
  return { deployments: all.map(entry), transaction: null };
}

/** rpm(8) `-q NAME`. */
export function rpm({ args, system }: Call): Answer {
  if (args[0] !== "-q") return bad(127, "rpm: the simulated one only does -q");
  const name = args.at(-1) ?? "";
  const found = installedPackages(system).find((nevra) => nevra.startsWith(`${name}-`));
  return found === undefined
    ? { ...ok(`package ${name} is not installed\n`), exitCode: 1 }
    : ok(`${found}\n`);
}

/** groupadd(8), by /etc/group. */
export function groupadd({ args, files }: Call): Answer {
  files.write("/etc/group", `${files.read("/etc/group") ?? ""}${args.at(-1)}:x:1001:\n`);
  return ok();
}

/** useradd(8) and id(1), by /etc/passwd and /etc/group. */
export function useradd({ args, files }: Call): Answer {
  const name = args.at(-1) ?? "";
  files.write("/etc/passwd", `${files.read("/etc/passwd") ?? ""}${name}:x:1000:1000::/home\n`);
  files.write(
    "/etc/group",
    (files.read("/etc/group") ?? "").replace(/:1001:\n/, `:1001:${name}\n`),
  );
  return ok();
}

export function id({ args, files }: Call): Answer {
  const name = args.at(-1) ?? "";
  return (files.read("/etc/passwd") ?? "").includes(`${name}:`)
    ? ok(`uid=1000(${name}) gid=1000(${name}) groups=1000(${name})${groupsOf(name, files)}\n`)
    : bad(1, `id: '${name}': no such user`);
}

const groupsOf = (name: string, files: Call["files"]): string =>
  (files.read("/etc/group") ?? "").includes(`:${name}\n`) ? ",1001(bootgate-group)" : "";

const deployed = "/var/lib/flatpak/runtime";

/** flatpak(1): what stories install, by a file of each. */
export function flatpak({ args, files, system }: Call): Answer {
  const [verb] = args;
  if (verb === "install") files.write(`${deployed}/${args.at(-1)?.replaceAll("/", "_")}`, "");
  if (verb !== "list") return ok();
  const names =
    system.is("flatpaks-lost") && system.booted.layered.length === 0
      ? []
      : (files.list(deployed) ?? []);
  const row = (path: string): string => `${path.split("_")[0]}/x86_64/1\t0123456789ab\n`;
  return ok(names.map(row).join(""));
}

const wants = "/etc/systemd/system/multi-user.target.wants/";

/** systemctl(1) `enable`, `is-enabled` and `is-active` of the package's unit; null for all else. */
export function layeredUnit({ args, files }: Call): Answer | null {
  if (args.at(-1) !== layeredPackage.unit) return null;
  const isThere = files.read(`/usr/lib/systemd/system/${layeredPackage.unit}`) !== null;
  if (args[0] === "enable") {
    if (!isThere)
      return bad(1, `Failed to enable unit: Unit ${layeredPackage.unit} does not exist`);
    files.write(`${wants}${layeredPackage.unit}`, "");
    return ok();
  }
  const isEnabled = isThere && files.read(`${wants}${layeredPackage.unit}`) !== null;
  const [yes, no] = args[0] === "is-enabled" ? ["enabled", "disabled"] : ["active", "inactive"];
  return isEnabled ? ok(`${yes}\n`) : { ...ok(`${no}\n`), exitCode: 1 };
}
