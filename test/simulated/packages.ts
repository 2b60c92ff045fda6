/** Packages of the simulated guest: dnf5 as far as stories use it, with the words of dnf5 5.4.6. */
import { matchesWildcard } from "../../harness/gate/policy/wildcard.ts";
import { isAtLeast } from "../../harness/guest/tools/program-version.ts";
import { storyPackages } from "../../images/rpm/packages.ts";
import { type Answer, bad, type Call, ok } from "./answer.ts";
import { installedPackages, rpm } from "./package-database.ts";
import type { SimulatedSystem } from "./system.ts";

const release = "1.noarch";
const nameOf = (nevra: string): string => nevra.replace(/-[^-]+-[^-]+$/, "");

const way =
  "Pass --transient to perform this operation in a transient overlay which will reset when the system reboots.";
const texts = {
  locked: `Error: this bootc system is configured to be read-only. ${way}`,
  lockedBefore:
    "Error: this bootc system is configured to be read-only. For more information, run `bootc --help`.",
  persist: `Error: persistent transactions aren't supported on bootc systems. ${way}`,
  lock: 'Failed to open lock file "/usr/lib/sysimage/libdnf5/system-repo.lock": (30) - Read-only file system',
  generic:
    "Error: /usr is configured to be read-only. You may be running an image-based or immutable operating system. For more information, refer to your distribution's documentation.",
  notice:
    "A transient overlay will be created on /usr that will be discarded on reboot. Keep in mind that changes to /etc and /var will still persist, and packages commonly modify these directories.\n",
  drift:
    "This transaction would modify the following paths, possibly introducing inconsistencies when the transient overlay on /usr is discarded. See the usr_drift_protected_paths configuration option for more information.",
} as const;

const persistences = ["auto", "transient", "persist"];

interface Request {
  readonly verb: string;
  readonly names: readonly string[];
  readonly has: (word: string) => boolean;
  /** What stands behind the `=` of an option. */
  readonly option: (name: string) => string | undefined;
  /** A setting of the command line or, where that does not have it, of the image. */
  readonly setting: (name: string) => string | undefined;
}

function readRequest(args: readonly string[], { world }: SimulatedSystem): Request {
  const plain: string[] = [];
  for (const [place, word] of args.entries())
    if (!word.startsWith("-") && args[place - 1] !== "--qf") plain.push(word);
  const [verb = "", ...names] = plain;
  const option = (name: string): string | undefined =>
    args.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  const setting = (name: string): string | undefined =>
    option(`--setopt=${name}`) ?? world.dnfSettings[name];
  return { verb, names, option, setting, has: (word) => args.includes(word) };
}

/** Whether the image's `excludepkgs` hides a package, installed or not. */
const isExcluded = (name: string, { setting }: Request): boolean =>
  setting("disable_excludes") !== "*" &&
  (setting("excludepkgs") ?? "").split(",").some((one) => matchesWildcard(one, name));

/** Why nothing can be done to the system, or null. */
function refusalOf({ system }: Call, isAlone: boolean, request: Request): Answer | null {
  const { has, option, setting } = request;
  const isOld = !isAtLeast(system.world.dnfVersion, "5.4.3");
  if (isOld && (has("--transient") || option("--setopt=persistence") !== undefined))
    return bad(2, 'setopt: "persistence": Option "persistence" not found.');
  const persistence = setting("persistence") ?? "auto";
  if (!persistences.includes(persistence))
    return bad(2, `setopt: "persistence=${persistence}": Enum option value not allowed.`);
  if (has("--assumeno") || has("--downloadonly") || option("--installroot") !== undefined)
    return null;
  const isLocked = system.usrOverlay !== "readWrite" && !system.is("dnf-opens-usr");
  if (isLocked && isAlone && !system.is("dnf-claims-bootc")) return bad(1, texts.generic);
  if (persistence === "persist" && !system.is("dnf-persists")) return bad(1, texts.persist);
  const isTransient = has("--transient") || persistence !== "auto";
  if (!isLocked || isTransient) return null;
  return bad(1, isOld ? texts.lockedBefore : texts.locked);
}

const changes = ["install", "upgrade", "downgrade", "swap", "remove"];

/** dnf5(8). */
function dnf5({ args, ...rest }: Call): Answer {
  const isAlone = args[0] === alone;
  if (rest.system.is("dnf-missing")) return bad(127, "sh: line 1: dnf5: command not found");
  const request = readRequest(args, rest.system);
  const call = { ...rest, args };
  if (args.includes("--version"))
    return ok(
      `dnf5 version ${rest.system.world.dnfVersion}\ndnf5 plugin API version 2.0\nlibdnf5 version 5.4.6.0\n`,
    );
  if (request.verb === "history") return history(call, request);
  const refusal = changes.includes(request.verb) ? refusalOf(call, isAlone, request) : null;
  // Before 5.4.3 a transaction was resolved and shown first (rpm-software-management/dnf5#2271).
  const isLate =
    rest.system.is("dnf-refuses-late") || !isAtLeast(rest.system.world.dnfVersion, "5.4.3");
  if (refusal !== null && !isLate) return refusal;
  const isElsewhere = request.option("--installroot") !== undefined;
  if (rest.system.is("dnf-locks-usr") && rest.system.usrOverlay === null && !isElsewhere)
    return bad(1, texts.lock);
  if (request.has("--installed"))
    return ok(
      installedPackages(rest.system)
        .filter((name) => !isExcluded(name, request))
        .map((name) => `${name}\n`)
        .join(""),
    );
  const proxy = request.option("--setopt=bootgate.proxy") ?? rest.system.world.dnfSettings["proxy"];
  const metadata =
    (proxy ?? "") === ""
      ? rest.system.world.fetch(`${repositoryOf(args)}repodata/repomd.xml`, rest.system.forwards)
      : null;
  if (metadata === undefined || metadata === null)
    return bad(1, "Failed to download metadata for repository: bootgate");
  if (refusal !== null && rest.system.is("dnf-refuses-late")) return refusal;
  if (refusal !== null)
    return {
      ...refusal,
      stdout: "Installing:\n",
      stderr: `Updating and loading repositories:\n${refusal.stderr}`,
    };
  if (request.verb === "repoquery")
    return ok(
      storyPackages
        .filter(({ name }) => request.names.includes(name))
        .map(({ name, version }) => `${name}-${version}\n`)
        .join(""),
    );
  return change(call, request);
}

/** `history list`: a command line has 39 characters there, and a table without rows is not printed. */
function history({ system }: Call, { option }: Request): Answer {
  const name = option("--contains-pkgs");
  const rows = system.dnfHistory
    .map(({ words, packages }, at) => ({ id: at + 1, words, packages }))
    .filter(({ packages }) => name === undefined || packages.includes(name))
    .map(
      ({ id, words, packages }) =>
        `${String(id).padStart(2)} ${words.slice(0, 39).padEnd(39)} 2026-11-26 11:07:41 ${String(packages.length).padStart(17)}\n`,
    );
  const head = "ID Command line                            Date and time       Action(s) Altered\n";
  return ok(rows.length === 0 ? "" : `${head}${rows.reverse().join("")}`);
}

/** The first word of a call whose PATH has no other program. */
const alone = "--simulated-alone";

/** dnf5 where it finds no other program. */
export const dnfAlone = (args: readonly string[], rest: Omit<Call, "args">): Answer =>
  dnf5({ ...rest, args: [alone, ...args] });

const repositoryOf = (args: readonly string[]): string =>
  args.find((word) => word.startsWith("--repofrompath="))?.split(",")[1] ?? "";

/** The package that a word of the command line means: the newest, or the named version. */
const packageOf = (word: string, newest = true) => {
  const found = storyPackages.filter(
    ({ name, version }) => word === name || word === `${name}-${version}`,
  );
  return newest ? found.at(-1) : found[0];
};

function change(call: Call, request: Request): Answer {
  const { system, files } = call;
  const { verb, names, has, option, setting } = request;
  const coming = (verb === "swap" ? names.slice(1) : verb === "remove" ? [] : names).map((word) =>
    packageOf(word, verb !== "downgrade"),
  );
  const rpms = coming.flatMap((one) => (one === undefined ? [] : [one]));
  if (rpms.length < coming.length) return bad(1, `No match for argument: ${names.join(" ")}`);
  const shown = rpms.map(({ name }) => `Installing:\n ${name}\n`).join("");
  if (rpms.some(({ name }) => isExcluded(name, request)))
    return bad(1, `Argument '${names[0]}' matches only excluded packages.`);
  if (has("--assumeno") || setting("assumeno") === "1")
    return { ...ok(shown), stderr: "Operation aborted.\n", exitCode: 1 };
  if (has("--downloadonly")) return ok(shown);
  const root = option("--installroot");
  if (root === undefined) {
    const guarded = (setting("usr_drift_protected_paths") ?? "").split(",").filter(Boolean);
    const touched = rpms.filter(({ files: own }) =>
      Object.keys(own).some((file) => guarded.some((path) => file.startsWith(path))),
    );
    if (touched.length > 0 && !system.is("drift-ignored"))
      return bad(
        1,
        `${texts.drift}\n${touched.map(({ name, version }) => `${name}-${version}-${release}`).join("\n")}\n  ${guarded.join("\n  ")}\nOperation aborted.`,
      );
  }
  const notice = root === undefined && system.usrOverlay === null ? texts.notice : "";
  if (root === undefined) openOverlay(system);
  const leaving = verb === "install" ? [] : names.map((word) => word.replace(/-\d+$/, ""));
  const going = [...leaving, ...rpms.map(({ name }) => name)];
  if (root === undefined)
    system.dnfHistory.push({ words: `dnf5 ${call.args.join(" ")}`, packages: [...new Set(going)] });
  if (root === undefined)
    system.overlayPackages = system.overlayPackages.filter((one) => !going.includes(nameOf(one)));
  for (const { name, version, files: own, post = [] } of rpms) {
    for (const [path, { text }] of Object.entries(own)) put(call, `${root ?? ""}${path}`, text);
    if (root === undefined) system.overlayPackages.push(`${name}-${version}-${release}`);
    if (post.length > 0 && !system.is("scriptlets-skipped"))
      files.write(`/var/lib/${name}/ran`, "installed 1\n");
  }
  return { ...ok(shown), stderr: `${notice}Complete!\n` };
}

function openOverlay(system: SimulatedSystem): void {
  if (system.usrOverlay !== null) return;
  system.overlayPackages = [];
  system.usrOverlay =
    system.is("overlay-open") || system.is("dnf-opens-usr") ? "readWrite" : "readOnly";
}

/** As dnf5 writes: into the overlay, where nobody else can; /opt leads to /var/opt. */
function put({ system, files }: Call, path: string, text: string): void {
  if (path.startsWith("/usr/") || path.startsWith("/opt/")) system.files.set(path, text);
  else files.write(path, text);
}

/** The programs by their names, one of a package among them. */
export const packagePrograms: Readonly<Record<string, (call: Call) => Answer>> = {
  dnf5,
  rpm,
  "bootgate-tool": ({ files }) => {
    const version = files.read("/usr/share/bootgate-tool/version");
    return version === null
      ? bad(127, "sh: line 1: bootgate-tool: command not found")
      : ok(`bootgate-tool ${version}`);
  },
  tar: () => ok("tar (GNU tar) 1.35\n"),
  dracut: () => ok("dracut 111\n"),
  modinfo: ({ system }) =>
    ok(
      `/lib/modules/7.2.0-sim/${system.booted.image.hasOwnModule === true ? "updates/bootgate" : "kernel/drivers/net"}/dummy.ko.xz\n`,
    ),
  readlink: ({ args }) => ok(args.at(-1) === "/opt" ? "/var/opt\n" : `${args.at(-1)}\n`),
};
