/**
 * Quoting for the guest's POSIX shell. SSH hands one string to a shell on the other side, so each value is quoted as
 * exactly one argument and nothing a value contains can become a command.
 */

/** One argument, safe in any POSIX shell. */
export function quoteArgument(value: string): string {
  if (value.includes("\0"))
    throw new RangeError("An argument for the guest cannot contain a NUL byte.");
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}

export type CommandValue = string | number | readonly (string | number)[];

/** Joins a template literal to one command line: literal parts stay as written, every `${}` is one quoted argument (an array is several). */
export function commandLine(parts: TemplateStringsArray, values: readonly CommandValue[]): string {
  return parts.reduce((line, part, index) => {
    const value = values[index - 1];
    const list = Array.isArray(value) ? value : [value];
    return `${line}${list.map((item) => quoteArgument(String(item))).join(" ")}${part}`;
  });
}
