/**
 * Two mistakes of a command line that a parser lets through: an option with an empty value, as a variable that is not set
 * leaves it, and an option that takes one value and is given two, of which the last would win without a word.
 */
import type { Command } from "commander";

/** For the command and those below it. Each refusal is a mistake of the command line, told as commander's own. */
export function refuseOddOptions(command: Command): void {
  for (const option of command.options) {
    if (!option.required && !option.optional) continue;
    const given: string[] = [];
    command.on(`option:${option.name()}`, (value: string | null) => {
      if (value === "")
        command.error(
          `error: option '${option.flags}' is empty; see whether the variable that it comes from is set`,
        );
      if (value === null || option.variadic) return;
      given.push(value);
      if (new Set(given).size > 1)
        command.error(`error: option '${option.flags}' is given twice, with two values`);
    });
  }
  for (const below of command.commands) refuseOddOptions(below);
}
