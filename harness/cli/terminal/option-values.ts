/** The values that options take, as people write them. Each throws what commander tells as a mistake of the command line. */
import { InvalidArgumentError } from "commander";
import { parseBytes, parseDuration } from "../../base/units.ts";
import { smallestDiskMiB } from "../../states/build/recipe.ts";

/** Milliseconds. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === null || ms <= 0)
    throw new InvalidArgumentError(
      "Expected a duration such as 90s, 45m or 1h30m, of at most 24 days.",
    );
  return ms;
}

/** Bytes. */
export function sizeInBytes(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === null) throw new InvalidArgumentError("Expected a size such as 500MiB or 20GiB.");
  return bytes;
}

/** From 0. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError("Expected a whole number.");
  }
  return value;
}

/** MiB of a disk to install on: an EFI system partition of bootc's alone has 512 (crates/lib/src/install/baseline.rs). */
export function diskMiB(text: string): number {
  const value = wholeNumber(text);
  if (value < smallestDiskMiB)
    throw new InvalidArgumentError(`Expected a whole number of MiB from ${smallestDiskMiB}.`);
  return value;
}

/** From 1. */
export function positiveNumber(text: string): number {
  const value = wholeNumber(text);
  if (value < 1) throw new InvalidArgumentError("Expected a whole number from 1.");
  return value;
}

/** A list with commas of some of the words that are allowed, each once. */
export const listOf =
  <Word extends string>(allowed: readonly Word[]) =>
  (text: string): readonly Word[] => {
    const words = text.split(",").map((word) => word.trim());
    const known = words.flatMap((word) => allowed.find((name) => name === word) ?? []);
    if (known.length < words.length)
      throw new InvalidArgumentError(
        `Allowed choices are ${allowed.join(", ")}; several with commas.`,
      );
    return [...new Set(known)];
  };

/** Seconds, above 0 and at most an hour. */
export function seconds(text: string): number {
  const value = Number(text);
  if (!/^\d+(?:\.\d+)?$/.test(text) || value <= 0 || value > 3600)
    throw new InvalidArgumentError("Expected a number of seconds above 0, at most 3600.");
  return value;
}

/** From 1 to 1000. */
export function shardsNumber(text: string): number {
  const value = wholeNumber(text);
  if (value < 1 || value > 1000)
    throw new InvalidArgumentError("Expected a whole number from 1 to 1000.");
  return value;
}

/** From 1, or `auto`. */
export const jobsNumber = (text: string): number | "auto" => {
  if (text === "auto") return "auto";
  const value = wholeNumber(text);
  if (value < 1) throw new InvalidArgumentError("Expected a whole number from 1, or 'auto'.");
  return value;
};
