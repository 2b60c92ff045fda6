/** A screen is blank, text or graphics; a penguin, a logo and a cursor do not make it more than it is. */
import { expect, test } from "vitest";
import { kindOfPicture } from "../../harness/machine/console/picture-kind.ts";
import type { Picture } from "../../harness/machine/console/screen-change.ts";

const [width, height] = [320, 200];

/** A picture by the colour of each pixel. */
function picture(colourAt: (x: number, y: number) => number): Picture {
  const pixels = new Uint8Array(width * height * 3);
  for (let at = 0; at < width * height; at++) {
    const colour = colourAt(at % width, Math.floor(at / width));
    pixels.set([(colour >> 16) & 255, (colour >> 8) & 255, colour & 255], at * 3);
  }
  return { width, height, pixels };
}

const inBox = (x: number, y: number, size: number): boolean => x < size && y < size;
/** Another colour for each pixel. */
const many = (x: number, y: number): number => 1000 + y * width + x;

test.each<[string, "blank" | "text" | "graphics", (x: number, y: number) => number]>([
  ["one colour", "blank", () => 0],
  ["a cursor", "blank", (x, y) => (x < 8 && y < 4 ? 0xffffff : 0)],
  ["lines of text", "text", (x, y) => (y % 16 < 12 && (x * 7 + y) % 3 === 0 ? 0xaaaaaa : 0)],
  ["text in sixteen colours", "text", (x, y) => ((x * 7 + y) % 3 === 0 ? (x % 16) * 0x101010 : 0)],
  ["a logo on black", "text", (x, y) => (inBox(x, y, 40) ? many(x, y) : 0)],
  ["a desktop with a picture behind it", "graphics", many],
  ["a window on a plain desktop", "graphics", (x, y) => (inBox(x, y, 120) ? many(x, y) : 0x224466)],
])("%s is %s", (_, kind, colourAt) => {
  expect(kindOfPicture(picture(colourAt))).toBe(kind);
});
