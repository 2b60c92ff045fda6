/**
 * dnf5 on an image-based system: it refuses to change /usr where that is read-only, and offers an overlay for one boot. Facts:
 * rpm-software-management/dnf5, `dnf5/main.cpp` and `libdnf5/utils/bootc.cpp`; what 5.4.6 prints was seen.
 */
import { ExpectationFailed } from "../../base/errors.ts";
import type { CommandResult } from "../command.ts";
import { commands } from "../commands.ts";
import { excerptStart } from "../excerpt.ts";
import { type GuestIo, requireSuccess } from "../guest-io.ts";
import { lacksLibrary } from "./bootc.ts";
import { isAtLeast } from "./program-version.ts";

/** Downloading and installing a small package takes an emulated guest half a minute. Milliseconds, before the time scale. */
const transactionTimeoutMs = 120_000;

/** The first versions with each of these: a refusal of their own, any judgement by bootc, and a way around it. */
export const dnfSince = { refusal: "5.2.12", bootc: "5.4.1", transient: "5.4.3" } as const;

/** The first version whose words nobody has looked at. */
const unknownSince = "5.5";

export interface DnfReader {
  /** As it tells it, `5.4.6.0`; null where there is no dnf5. */
  version(): Promise<string | null>;
  /** Runs it, with a repository alone where one is given, and without questions. Tells how it ended. */
  attempt(words: readonly string[], repository?: string): Promise<CommandResult>;
  /** The same for what has to succeed. */
  run(words: readonly string[], repository?: string): Promise<CommandResult>;
  /** The same where dnf5 finds no other program, above all no bootc. */
  attemptAlone(words: readonly string[], repository: string): Promise<CommandResult>;
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
}

const refusal = (version: string, text: string, pattern: RegExp): Refusal => ({
  text: isAtLeast(version, unknownSince) ? null : text,
  pattern,
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
export function whyNotRefused(result: CommandResult, { text, pattern }: Refusal): string | null {
  const said = result.stderr.trim();
  if (result.exitCode !== 1)
    return result.exitCode === 0
      ? "was not refused."
      : `ended with exit code ${result.exitCode}, not 1.`;
  if (result.stdout.trim() !== "") return "was refused, and printed something on its output.";
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

const repositoryWords = (url: string | undefined): string[] =>
  url === undefined ? [] : [`--repofrompath=bootgate,${url}`, "--repo=bootgate", "--no-gpgchecks"];

/** dnf5 in a guest. */
export function dnfOf(io: GuestIo): DnfReader {
  const limits = { timeoutMs: transactionTimeoutMs * Math.max(1, io.timeScale) };
  // `--assumeno` of a caller must be the only word on it.
  const all = (words: readonly string[], repository?: string): string[] => [
    ...(words.includes("--assumeno") ? [] : ["--assumeyes"]),
    ...repositoryWords(repository),
    ...words,
  ];
  const attempt: DnfReader["attempt"] = (words, repository) =>
    io.exec(commands.dnf(all(words, repository)), limits);
  return {
    attempt,
    async version() {
      const result = await io.exec(commands.dnf(["--version"]));
      if (result.exitCode === 127 && !lacksLibrary.test(result.stderr)) return null;
      return parseDnfVersion(requireSuccess(io, result).stdout);
    },
    run: async (words, repository) => requireSuccess(io, await attempt(words, repository)),
    attemptAlone: (words, repository) => io.exec(commands.dnfAlone(all(words, repository)), limits),
  };
}
