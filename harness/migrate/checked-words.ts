/**
 * What of a status may be written into a Containerfile. A host's status is text that anybody may have made, and a builder hands
 * `RUN` to a shell, so what is not plainly the name of a package is refused and never escaped.
 */
import { UsageError } from "../base/errors.ts";
import { quoteArgument } from "../base/quote.ts";
import { defuseCommands, oneLine } from "../log/clean-text.ts";

/** Names, versions, paths and capabilities (`pkgconfig(foo)`, `python3dist(foo[bar])`) of RPM; none begins like an option, and none has what a shell or a builder would read. */
const packageWord = /^[A-Za-z0-9_/@][A-Za-z0-9_.+~^%:/()[\]@=-]{0,299}$/;
/** A kernel or dracut argument of printable ASCII that neither opens a document (`<<`) nor goes on in another line. */
const argumentWord = /^[A-Za-z0-9_./-][A-Za-z0-9_.+~^%:/()@=,*"' -]{0,499}$/;
const pathWord = /^\/etc\/[A-Za-z0-9_.+@/-]{1,299}$/;

/** Throws UsageError that names the key for a word that does not fit. */
function check(pattern: RegExp, what: string, key: string, list: readonly string[]): void {
  const wrong = list.find((word) => !pattern.test(word) || word.split("/").includes(".."));
  if (wrong === undefined) return;
  throw new UsageError(
    `The status has something in '${key}' that is not ${what}, so no Containerfile is made of it.`,
    {
      details: {
        got: oneLine(JSON.stringify(wrong), 200),
        "to do":
          "look whether the file is what `rpm-ostree status --json` printed; remove that word if it is",
      },
    },
  );
}

/** The packages as words of a shell's line that dnf takes for no pattern: it would read `[bar]` as one of three letters (seen with dnf 5.4.6 and 4.14). */
export function packageWords(key: string, list: readonly string[]): string {
  check(packageWord, "the name of a package", key, list);
  // rpm-ostree tells what came from an address or a file by its name and version.
  check(/^(?!.*(?:\/\/|\.rpm$))/, "the name of a package", key, list);
  return list.map((word) => quoteArgument(word.replaceAll("[", "[[]"))).join(" ");
}

/** dracut's arguments as words of a shell's line. */
export function argumentWords(key: string, list: readonly string[]): string {
  check(argumentWord, "an argument", key, list);
  return list.map(quoteArgument).join(" ");
}

/** Paths below /etc. */
export function etcPaths(key: string, list: readonly string[]): readonly string[] {
  check(pathWord, "a path below /etc", key, list);
  return list;
}

/** What a status says, told to a person: one line that neither a terminal nor a CI obeys. Cleaned before it is put between words of ours, which an escape sequence would swallow. */
export const told = (text: string, maxLength = 300): string =>
  defuseCommands(oneLine(text, maxLength));

/** Text for a comment of a Containerfile: one line. */
export const commentLine = (line: string): string => `# ${oneLine(line, 300)}`;
