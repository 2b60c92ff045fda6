/**
 * dnf5 on an image-based system: it refuses to change /usr where that is read-only, and offers an overlay for one boot. Facts:
 * rpm-software-management/dnf5, `dnf5/main.cpp` and `libdnf5/utils/bootc.cpp`; what 5.4.6 prints was seen.
 */
import { ExpectationFailed } from "../../base/errors.ts";
import type { CommandResult } from "../command.ts";
import { commands } from "../commands.ts";
import { excerptEnd, excerptStart } from "../excerpt.ts";
import { type GuestIo, requireSuccess } from "../guest-io.ts";
import { lacksLibrary } from "./bootc.ts";
import { isAtLeast } from "./program-version.ts";

/** Downloading and installing a small package takes an emulated guest half a minute. Milliseconds, before the time scale. */
const transactionTimeoutMs = 120_000;

/**
 * The first versions with each of these: a refusal of their own, any judgement by bootc, and a way around it. With the last comes the
 * refusal before anything is looked up; 5.2.13 resolved the transaction and showed it first (rpm-software-management/dnf5#2271),
 * and nobody has looked at what is between.
 */
export const dnfSince = { refusal: "5.2.12", bootc: "5.4.1", transient: "5.4.3" } as const;

/**
 * From 5.4.0 on dnf5 locks the system before it looks at what is installed, and up to here the lock is a file of /usr
 * (rpm-software-management/dnf5#2519, #2709, #2724): it cannot be opened for a change, nor for a query where the image does not have it.
 */
const lockMovedIn = "5.4.3";
const lockInUsr = /^Failed to open lock file "\/usr\/[^"\n]{1,200}": \(30\)/m;

/** The first version whose words nobody has looked at. */
const unknownSince = "5.5";

export interface DnfReader {
  /** Runs it, with a repository alone where one is given, and without questions (`dnfWords`). Tells how it ended. */
  attempt(words: readonly string[], repository?: string): Promise<CommandResult>;
  /** The same for what has to succeed. */
  run(words: readonly string[], repository?: string): Promise<CommandResult>;
  /** The same where dnf5 finds every program but bootc. */
  attemptAlone(words: readonly string[], repository: string): Promise<CommandResult>;
  /** Numbers of the transactions of its history that a package had a part in, newest first; null where it does not tell. */
  transactionsOf(name: string): Promise<readonly number[] | null>;
}

/** Reads `dnf5 --version`: plugins and libraries follow behind the program's own version. */
export const parseDnfVersion = (text: string): string | null =>
  /^dnf5 version (\d[\w.~-]{0,40})$/m.exec(text.slice(0, 2000))?.[1] ?? null;

const helpText = "Error: this bootc system is configured to be read-only.";
const way =
  "Pass --transient to perform this operation in a transient overlay which will reset when the system reboots.";

/** What dnf5 says of a system that it must not change. */
export interface Refusal {
  /** All of its error output; null where this version's words are not known, and `pattern` has to do. */
  readonly text: string | null;
  readonly pattern: RegExp;
  /** Whether it may look up and show what it would do before it refuses; then its last line of errors counts. */
  readonly mayResolve: boolean;
}

const refusal = (version: string, text: string, pattern: RegExp): Refusal => ({
  text: isAtLeast(version, unknownSince) ? null : text,
  pattern,
  mayResolve: !isAtLeast(version, dnfSince.transient),
});

/** On a system of bootc, by the version. */
export const lockedRefusal = (version: string): Refusal =>
  refusal(
    version,
    isAtLeast(version, dnfSince.transient)
      ? `${helpText} ${way}`
      : `${helpText} For more information, run \`bootc --help\`.`,
    /^Error: .*read-only/,
  );

/** Where a persistent transaction is asked for. */
export const persistRefusal = (version: string): Refusal =>
  refusal(
    version,
    `Error: persistent transactions aren't supported on bootc systems. ${way}`,
    /^Error: .*persistent transactions/,
  );

/** Where /usr is read-only and there is no bootc. */
export const genericRefusal = (version: string): Refusal =>
  refusal(
    version,
    "Error: /usr is configured to be read-only. You may be running an image-based or immutable operating system. For more information, refer to your distribution's documentation.",
    /^Error: \/usr .*read-only/,
  );

/** Told before the first transaction that makes an overlay, and not before a later one. */
export const overlayNotice = /^A transient overlay will be created on \/usr/m;

/** What is wrong with how a command was refused, as a sentence without its subject, or null. */
export function whyNotRefused(result: CommandResult, refusal: Refusal): string | null {
  const { text, pattern, mayResolve } = refusal;
  const errors = result.stderr.trim();
  const said = mayResolve ? errors.slice(errors.lastIndexOf("\n") + 1) : errors;
  if (result.exitCode !== 1)
    return result.exitCode === 0
      ? "was not refused."
      : `ended with exit code ${result.exitCode}, not 1.`;
  if (!mayResolve && result.stdout.trim() !== "")
    return "was refused, and printed something on its output.";
  const isSaid = text === null ? pattern.test(said) : said === text;
  return isSaid ? null : "was refused in other words.";
}

/** Throws ExpectationFailed unless a command was refused so. `what` is the subject of the sentence, and ours. */
export function expectRefused(what: string, result: CommandResult, refusal: Refusal): void {
  const why = whyNotRefused(result, refusal);
  if (why === null) return;
  throw new ExpectationFailed(`${what} ${why}`, {
    details: {
      expected: refusal.text ?? String(refusal.pattern),
      got: excerptStart(result.stderr.trim(), 500) || "nothing",
    },
  });
}

/**
 * The harness's own repository, whatever the image's dnf.conf and repos.override.d say of repositories: its packages are not signed, and no
 * proxy of the image leads to it. `gpgcheck` is known to every version; `pkg_gpgcheck` is a later name of it (libdnf5,
 * `conf/config_main.cpp`). Seen with 5.4.6: `proxy=` and the two checks of a repository win over both files.
 */
const repositoryWords = (url: string): string[] => [
  `--repofrompath=bootgate,${url}`,
  "--repo=bootgate",
  ...["gpgcheck=0", "repo_gpgcheck=0", "proxy=", "skip_if_unavailable=0"].map(
    (option) => `--setopt=bootgate.${option}`,
  ),
  "--setopt=cacheonly=none",
];

const isNamed = (words: readonly string[], option: string): boolean =>
  words.some((word) => word.startsWith(`--setopt=${option}=`));

/**
 * What the stories set because they are about what dnf5 does then, and an image may have set otherwise for its users: how long changes
 * last, and which paths a transient one keeps off. A word of the caller wins. Everything else, such as `tsflags` and `best`, is the image's own.
 */
const settingWords = (words: readonly string[]): string[] => [
  ...(words.includes("--transient") || isNamed(words, "persistence")
    ? []
    : ["--setopt=persistence=auto"]),
  ...(isNamed(words, "usr_drift_protected_paths") ? [] : ["--setopt=usr_drift_protected_paths="]),
];

/**
 * What an image excludes for its users is not meant. A list of the main section is only left out so, and it hides packages that are
 * installed as well as those that could be (seen with 5.4.6).
 */
const withoutExcludes = "--setopt=disable_excludes=*";

/** All words of a call. An option of the main section that a version does not know would be a mistake, so `told` is its version. Pure. */
export function dnfWords(
  words: readonly string[],
  { told, repository }: { readonly told: string; readonly repository?: string | undefined },
): string[] {
  return [
    // `--assumeno` of a caller must be the only word on it, and `assumeno` of the image must not come in.
    ...(words.includes("--assumeno") ? [] : ["--assumeyes", "--setopt=assumeno=0"]),
    ...(isAtLeast(told, dnfSince.transient) ? settingWords(words) : []),
    ...(repository === undefined ? [] : repositoryWords(repository)),
    withoutExcludes,
    ...words,
  ];
}

/**
 * Reads `dnf5 history list`: a table with a number at the head of each row, or nothing at all. It cuts command lines, so that names of
 * packages cannot be looked for in it (seen with 5.4.6).
 */
export const parseHistory = (text: string): number[] =>
  [...text.matchAll(/^ *(\d{1,9}) /gm)].map(([, id]) => Number(id));

/** Asks for the version of dnf5 in a guest, `5.4.6.0`; null where there is none. */
export async function dnfVersion(io: GuestIo): Promise<string | null> {
  const result = await io.exec(commands.dnf(["--version"]));
  if (result.exitCode === 127 && !lacksLibrary.test(result.stderr)) return null;
  return parseDnfVersion(requireSuccess(io, result).stdout);
}

/**
 * dnf5 of that version in a guest. Whatever it is asked, ExpectationFailed tells of a lock that a version before `lockMovedIn` cannot
 * open, in words of its own, so that nothing else is known as that failure.
 */
export function dnfOf(io: GuestIo, told: string): DnfReader {
  const limits = { timeoutMs: transactionTimeoutMs * Math.max(1, io.timeScale) };
  const exec = async (command: string): Promise<CommandResult> => {
    const result = await io.exec(command, limits);
    const isOld = !isAtLeast(told, lockMovedIn);
    if (result.exitCode === 0 || !isOld || !lockInUsr.test(result.stderr)) return result;
    throw new ExpectationFailed(
      "dnf5 keeps its lock below /usr, as before 5.4.3, and cannot open it there.",
      { details: { version: told, stderr: excerptEnd(result.stderr, 500) }, lookAt: io.lookAt },
    );
  };
  const attempt: DnfReader["attempt"] = (words, repository) =>
    exec(commands.dnf(dnfWords(words, { told, repository })));
  return {
    attempt,
    run: async (words, repository) => requireSuccess(io, await attempt(words, repository)),
    attemptAlone: (words, repository) =>
      exec(commands.dnfAlone(dnfWords(words, { told, repository }))),
    transactionsOf: async (name) => {
      const { exitCode, stdout } = await attempt(["history", "list", `--contains-pkgs=${name}`]);
      return exitCode === 0 ? parseHistory(stdout) : null;
    },
  };
}
