/** What a picture of a screen shows, without knowing what anything looks like: nothing, a text console, or graphics. Pure. */
import type { Picture } from "./screen-change.ts";

export type PictureKind = "blank" | "text" | "graphics";

/** A text console has sixteen colours (ECMA-48, 8.3.117, and its bright ones). */
const textColours = 16;
/** A cursor is smaller than this share of a screen. */
const cursorShare = 0.001;
/** The kernel's penguins and the logo of a boot splash are smaller than this share of a screen. */
const logoShare = 0.03;

/**
 * `graphics` only for what has many colours on more of the screen than a logo has; a desktop of a few flat colours counts as
 * `text`, since nothing tells it from one.
 */
export function kindOfPicture({ pixels }: Picture): PictureKind {
  const counts = new Map<number, number>();
  for (let at = 0; at + 2 < pixels.length; at += 3) {
    const colour = ((pixels[at] ?? 0) << 16) | ((pixels[at + 1] ?? 0) << 8) | (pixels[at + 2] ?? 0);
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const total = Math.floor(pixels.length / 3);
  const [background = 0, ...others] = [...counts.values()].sort((one, other) => other - one);
  if (total - background <= total * cursorShare) return "blank";
  const rest = others.slice(textColours - 1).reduce((sum, count) => sum + count, 0);
  return rest > total * logoShare ? "graphics" : "text";
}
