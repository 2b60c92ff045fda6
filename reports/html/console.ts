/** A piece of a console log with an anchor a line, so that a person can send a colleague to the very line. */

import type { ErrorModel } from "../../harness/log/model-schema.ts";
import { fatalIndex } from "../console-excerpt.ts";
import type { ConsoleExcerpt } from "../inputs.ts";
import { type Markup, markup } from "./markup.ts";

const maxLineLength = 500;

export interface ConsoleView {
  readonly view: Markup;
  /** The id of the fatal line's element, where the piece holds it. */
  readonly fatalId: string | null;
  /** Roughly what it adds to the page, in UTF-16 units. */
  readonly size: number;
}

/** `id` must be unique on the page: line ids are made from it. */
export function consoleView(
  id: string,
  path: string,
  excerpt: ConsoleExcerpt,
  error: ErrorModel | null,
  maxLines: number,
): ConsoleView {
  const fatal = error === null ? null : fatalIndex(excerpt, error);
  const end =
    fatal === null ? excerpt.lines.length : Math.min(excerpt.lines.length, fatal + (maxLines >> 2));
  const begin = Math.max(0, end - maxLines);
  let size = 0;
  const lines = excerpt.lines.slice(begin, end).map((line, offset) => {
    const index = begin + offset;
    const number = excerpt.firstLineNumber + index;
    const text = line.slice(0, maxLineLength);
    size += text.length + 2 * id.length + 100;
    // Only the fatal line's link is in the tab order: hundreds of stops would bar a keyboard's way.
    return index === fatal
      ? markup`<li id="${id}-${number}" class="fatal"><a href="#${id}-${number}" aria-label="Fatal line ${number}">${number}</a><mark>${text}</mark></li>`
      : markup`<li id="${id}-${number}"><a href="#${id}-${number}" tabindex="-1" aria-label="Line ${number}">${number}</a>${text}</li>`;
  });
  const first = excerpt.firstLineNumber + begin;
  const last = excerpt.firstLineNumber + end - 1;
  const view = markup`<div class="console mono" tabindex="0" role="region" aria-label="Console ${path}, lines ${first} to ${last}"><ol>${lines}</ol></div>
<p class="soft">${path}, lines ${first} to ${last}</p>`;
  return {
    view,
    fatalId: fatal === null ? null : `${id}-${excerpt.firstLineNumber + fatal}`,
    size,
  };
}
