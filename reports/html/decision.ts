/** What the verdict rests on, as far as its reasons do not say it: budgets, waivers and the judge's notes. */
import { oneLine } from "../../harness/log/clean-text.ts";
import type { JobModel } from "../../harness/log/model-schema.ts";
import type { Decision, ReportInputs } from "../inputs.ts";
import { partLines } from "../part-lines.ts";
import { type Markup, markup } from "./markup.ts";

/** Whose fault a hold is, in words; null where there is nothing to say. */
export function faultWords({ verdict, because }: Decision): string | null {
  if (verdict === "PROMOTE" || because === undefined || because === null) return null;
  return because === "image"
    ? "The image is at fault."
    : "Nothing shows that the image is wrong, nor that it is right.";
}

/** The section, null where reasons say it all. */
export function decisionOf({ decision }: ReportInputs): Markup | null {
  if (decision === undefined) return null;
  const { budgets = [], waived = [], notes = [] } = decision;
  const parts = [
    list("Variants and bases", partLines(decision)),
    list(
      "Budgets",
      // The note of what was not measured or not compared says so itself.
      budgets.map(({ state, note }) => (state.startsWith("not-") ? note : `${state}: ${note}`)),
    ),
    list(
      "Waived",
      waived.map(
        ({ scenario, by, until, reason }) => `${scenario}, by ${by} until ${until}: ${reason}`,
      ),
    ),
    list("Notes", notes),
  ].filter((part) => part !== null);
  if (parts.length === 0) return null;
  return markup`<section aria-labelledby="rests-on"><h2 id="rests-on">What the verdict rests on</h2>${parts}</section>`;
}

function list(title: string, lines: readonly string[]): Markup | null {
  if (lines.length === 0) return null;
  const items = lines.slice(0, 100).map((line) => markup`<li>${oneLine(line, 500)}</li>`);
  const more = lines.length - items.length;
  const rest = more > 0 ? markup`<li>${more} more are in decision.json</li>` : null;
  return markup`<h3>${title}</h3><ul class="plain">${items}${rest}</ul>`;
}

/** A reason of the verdict; it leads to the job that it is about. */
export function reasonOf(
  reason: string,
  { decision }: ReportInputs,
  ids: ReadonlyMap<JobModel, string>,
): Markup {
  const text = oneLine(reason, 500);
  const about = decision?.unsatisfied?.find((entry) => entry.reason === reason)?.job ?? null;
  const id = [...ids].find(([job]) => job.id === about)?.[1];
  return id === undefined ? markup`${text}` : markup`<a href="#${id}">${text}</a>`;
}
