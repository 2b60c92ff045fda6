/** The command line of a machine in its evidence: what was run, in a form that can be run again by hand. */
import { quoteArgument } from "../../base/quote.ts";

/** The command as a person can paste it: one option with its value a line. */
export function formatArgv(binary: string, argv: readonly string[]): string {
  const lines = [quoteArgument(binary)];
  for (const argument of argv) {
    const last = lines.at(-1) ?? "";
    const isValue = !argument.startsWith("-") && lines.length > 1 && !last.includes(" ");
    if (isValue) lines[lines.length - 1] = `${last} ${quoteArgument(argument)}`;
    else lines.push(quoteArgument(argument));
  }
  return `${lines.join(" \\\n  ")}\n`;
}
