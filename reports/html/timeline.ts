/**
 * When what happened in one attempt: a list that reads well aloud, with a bar beside each entry on one common scale.
 * Bars are SVG with positions in per cent, so they need no style attributes, which the page's policy forbids.
 */
import { formatDuration } from "../../harness/base/units.ts";
import { oneLine } from "../../harness/log/clean-text.ts";
import type { AttemptModel, OutcomeModel, StepModel } from "../../harness/log/model-schema.ts";
import type { Standing } from "../../harness/log/run-model.ts";
import { type Markup, markup } from "./markup.ts";

export const glyphs: Readonly<Record<Standing, string>> = {
  passed: "✓",
  flaky: "≈",
  failed: "✗",
  broken: "!",
  skipped: "–",
  notRun: "○",
};

const stageOrder = ["firmware", "bootloader", "kernel", "initrd", "userspace"];
const maxEntries = 200;

interface Entry {
  readonly beginMs: number;
  readonly item: Markup;
}

interface Scale {
  readonly zero: number;
  readonly spanMs: number;
}

export const standingOfOutcome = ({ kind }: OutcomeModel): Standing =>
  kind === "not-run" ? "notRun" : kind;

export function timeline(attempt: AttemptModel): Markup | null {
  const scale: Scale = {
    zero: Date.parse(attempt.startedAt),
    spanMs: Math.max(1, attempt.durationMs),
  };
  const entries = [
    ...attempt.steps.slice(0, maxEntries).map((step) => stepEntry(step, scale)),
    ...bootsOf(attempt)
      .slice(0, maxEntries)
      .map((boot) => bootEntry(boot, scale)),
  ].sort((one, other) => one.beginMs - other.beginMs);
  if (entries.length === 0) return null;
  return markup`<ol class="steps">${entries.map(({ item }) => item)}</ol>`;
}

function stepEntry(step: StepModel, scale: Scale): Entry {
  const beginMs = Date.parse(step.startedAt) - scale.zero;
  const standing = standingOfOutcome(step.outcome);
  const word = standing === "notRun" ? "not run" : standing;
  const bar = rect(standing, beginMs, step.durationMs, scale);
  const item = markup`<li><span class="name"><span class="glyph ${standing}" aria-hidden="true">${glyphs[standing]}</span><span class="sr">${word}: </span>${oneLine(step.name)}</span><span class="time">${formatDuration(step.durationMs)}</span><svg class="bar" aria-hidden="true">${bar}</svg></li>
`;
  return { beginMs, item };
}

/** One boot of one guest: stages in the order they were reached. A stage that comes again is the next boot. */
interface Boot {
  readonly guest: string;
  readonly marks: { stage: string; atMs: number; sinceMs: number }[];
  readonly start: string;
  endMs: number;
}

function bootsOf(attempt: AttemptModel): Boot[] {
  const zero = Date.parse(attempt.startedAt);
  const boots: Boot[] = [];
  for (const { guest, stage, at, sincePowerOnMs } of attempt.bootStages) {
    const mark = { stage, atMs: Date.parse(at) - zero, sinceMs: sincePowerOnMs };
    const current = boots.findLast((boot) => boot.guest === guest);
    const goesOn = current?.marks.every(
      (earlier) => earlier.sinceMs <= mark.sinceMs && earlier.stage !== stage,
    );
    if (current === undefined || goesOn !== true)
      boots.push({ guest, marks: [mark], start: "", endMs: mark.atMs });
    else current.marks.push(mark);
  }
  return boots.map((boot, index) => {
    const lastMs = boot.marks.at(-1)?.atMs ?? 0;
    const started = attempt.guests.find(
      ({ guest, readyAt }) => guest === boot.guest && Date.parse(readyAt) - zero >= lastMs,
    );
    const isFirst = boots.findIndex(({ guest }) => guest === boot.guest) === index;
    const endMs =
      isFirst && started !== undefined
        ? Date.parse(started.readyAt) - zero
        : endOfStep(attempt, zero, lastMs);
    return { ...boot, start: isFirst ? (started?.start ?? "") : "reboot", endMs };
  });
}

/** Where a boot has no "ready" of its own, the step in which it happened bounds it. */
function endOfStep(attempt: AttemptModel, zero: number, atMs: number): number {
  const step = attempt.steps.find(({ startedAt, durationMs }) => {
    const beginMs = Date.parse(startedAt) - zero;
    return beginMs <= atMs && beginMs + durationMs >= atMs;
  });
  return step === undefined ? atMs : Date.parse(step.startedAt) - zero + step.durationMs;
}

function bootEntry(boot: Boot, scale: Scale): Entry {
  const first = boot.marks[0];
  const powerOnMs = first === undefined ? 0 : Math.max(0, first.atMs - first.sinceMs);
  const bars = boot.marks.map(({ stage, atMs }, index) => {
    const end = boot.marks[index + 1]?.atMs ?? boot.endMs;
    return rect(stageClass(stage), atMs, end - atMs, scale);
  });
  const words = boot.marks.map(
    ({ stage, sinceMs }) =>
      markup` <span class="key"><svg aria-hidden="true"><rect class="${stageClass(stage)}" width="100%" height="100%" rx="2"/></svg>${oneLine(stage, 40)} ${formatDuration(sinceMs)}</span>`,
  );
  const start = boot.start === "" ? "" : ` (${boot.start})`;
  const item = markup`<li><span class="name stages">stages of ${oneLine(boot.guest, 60)}${start}:${words}</span><span class="time">${formatDuration(Math.max(0, boot.endMs - powerOnMs))}</span><svg class="bar" aria-hidden="true">${bars}</svg></li>
`;
  return { beginMs: powerOnMs + 0.5, item };
}

const stageClass = (stage: string): string => {
  const index = stageOrder.indexOf(stage);
  return `s${index < 0 ? stageOrder.length - 1 : index}`;
};

function rect(className: string, beginMs: number, lengthMs: number, { spanMs }: Scale): Markup {
  const percent = (ms: number): number =>
    Math.round(Math.min(100, Math.max(0, (ms / spanMs) * 100)) * 100) / 100;
  const x = percent(beginMs);
  // A hair is left between neighbours, and nothing is thinner than a person can see.
  const width = Math.max(0.6, Math.min(100 - x, percent(lengthMs)) - 0.25);
  return markup`<rect class="${className}" x="${Math.min(x, 99.4)}%" width="${Math.round(width * 100) / 100}%" height="100%" rx="2"/>`;
}
