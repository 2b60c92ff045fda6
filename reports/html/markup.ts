/**
 * HTML by template literals in which every `${}` is escaped unless it is markup already, so that a forgotten escape
 * cannot happen. Raw text has one door, `Markup.trusted`, for the page's own style and script.
 */
import { stripControls } from "../../harness/log/clean-text.ts";

/** HTML that is safe to embed. */
export class Markup {
  readonly html: string;
  private constructor(html: string) {
    this.html = html;
  }
  /** For constants of this program alone. */
  static trusted(html: string): Markup {
    return new Markup(html);
  }
}

export type MarkupValue = string | number | Markup | readonly Markup[] | null;

export function markup(parts: TemplateStringsArray, ...values: MarkupValue[]): Markup {
  let html = parts[0] ?? "";
  for (let index = 0; index < values.length; index++)
    html += render(values[index] ?? null) + (parts[index + 1] ?? "");
  return Markup.trusted(html);
}

function render(value: MarkupValue): string {
  if (value === null) return "";
  if (value instanceof Markup) return value.html;
  if (typeof value === "string") return escapeHtml(value);
  if (typeof value === "number") return String(value);
  return value.map((item) => item.html).join("");
}

/** Safe as text and inside a double-quoted attribute. */
export function escapeHtml(text: string): string {
  const clean = stripControls(text);
  if (!/[&<>"']/.test(clean)) return clean;
  return clean
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
