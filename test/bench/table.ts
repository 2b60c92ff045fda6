/** The figures as one table for people: median, spread, number of samples, goal, and a mark where the goal is missed. */
import { type Figure, type Goal, isClose, meetsGoal } from "./figure.ts";

/** Three significant digits, but never a rounded whole number above them. */
function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

const goalText = (goal: Goal | null, unit: string): string =>
  goal === null ? "" : "atMost" in goal ? `≤ ${goal.atMost} ${unit}` : `≥ ${goal.atLeast} ${unit}`;

function mark(figure: Figure): string {
  const met = meetsGoal(figure);
  if (met === null) return "";
  return `${met ? "met" : "MISSED"}${isClose(figure) ? ", samples on both sides" : ""}`;
}

/** The spread is min–max; `to` keeps a range of negative numbers readable. */
function spread(samples: readonly number[]): string {
  const [low, high] = [Math.min(...samples), Math.max(...samples)];
  return `${number(low)}${low < 0 ? " to " : "–"}${number(high)}`;
}

/** The table, one figure a line. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.says,
    `${number(figure.value)} ${figure.unit}`,
    figure.samples.length > 1 ? spread(figure.samples) : "",
    `${figure.samples.length}`,
    goalText(figure.goal, figure.unit),
    mark(figure),
  ]);
  const all = [["figure", "median", "min–max", "n", "goal", ""], ...rows];
  const widths = (all[0] ?? []).map((_, column) =>
    Math.max(...all.map((row) => (row[column] ?? "").length)),
  );
  return all
    .map((row) => row.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join("  "))
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

/** The first column and the words read from the left, numbers from the right. */
const pad = (cell: string, width: number, column: number): string =>
  column >= 1 && column <= 3 ? cell.padStart(width) : cell.padEnd(width);
