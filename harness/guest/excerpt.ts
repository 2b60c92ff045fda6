/** Guest output made fit for an error message: short, and without characters that could redraw a terminal. */

const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

const clean = (text: string): string => text.replace(controls, "\uFFFD").trim();

/** The beginning of what a guest said, at most `max` characters. */
export function excerptStart(text: string, max: number): string {
  const start = clean(text.slice(0, max));
  return text.length > max ? `${start}…` : start;
}

/** The end of what a guest said, at most `max` characters: errors come last. */
export function excerptEnd(text: string, max: number): string {
  const end = clean(text.slice(-max));
  return text.length > max ? `…${end}` : end;
}
