/** How many power cuts a run makes of what a machine has written, and which, as the command line says it. */
import { type Command, InvalidArgumentError } from "commander";
import type { CutsOpener } from "../../cuts/cuts.ts";
import { openCuts, usualCuts } from "../../cuts/open-cuts.ts";
import { wholeNumber } from "../terminal/option-values.ts";

export interface CutOptions {
  readonly powerCuts?: number;
  readonly powerSeed?: string;
}

const mostCuts = 100_000;

/** A number of points, or of one of them. */
export function cutNumber(text: string): number {
  const count = wholeNumber(text);
  if (count < 1 || count > mostCuts)
    throw new InvalidArgumentError(`It is a number from 1 to ${mostCuts}.`);
  return count;
}

/** The word that a run's points are drawn from. */
export function cutSeed(text: string): string {
  if (!/^[\w.-]{1,40}$/.test(text))
    throw new InvalidArgumentError("It is a word of letters, digits, dots and dashes.");
  return text;
}

/** `--power-cuts` and `--power-seed`. */
export const addCutOptions = (command: Command): Command =>
  command
    .option(
      "--power-cuts <n>",
      `power cuts that a story of 'power/' makes of one record; else ${usualCuts.count}`,
      cutNumber,
    )
    .option(
      "--power-seed <word>",
      `which they are: with a point's number it says where the power was cut; else ${usualCuts.seed}`,
      cutSeed,
    );

/** What makes them. */
export const cutsOpener =
  ({ powerCuts = usualCuts.count, powerSeed = usualCuts.seed }: CutOptions): CutsOpener =>
  (record, request) =>
    openCuts(record, request, { count: powerCuts, seed: powerSeed });
