/**
 * Whether a screen lives, by a few pictures of it. A text cursor that blinks does not count: emulated VGA hardware draws it
 * for a dead kernel too. So a change counts when it is larger than a cursor, or when it is not a coming and going.
 */

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Three bytes a pixel, row by row. */
  readonly pixels: Uint8Array;
}

/** A text cursor's cell is 8 or 9 by 16 pixels, twice that on a large screen. */
const cursorCell = 32;

/** A binary PPM (`P6`, netpbm's ppm(5)) with one byte a sample, which is what QEMU's screendump writes; null for anything else. */
export function readPpm(file: Uint8Array): Picture | null {
  const head = /^P6\s+(\d{1,5})\s+(\d{1,5})\s+255\s/.exec(
    Buffer.from(file.buffer, file.byteOffset, Math.min(file.length, 64)).toString("latin1"),
  );
  const [start = "", width = 0, height = 0] = head ?? [];
  const pixels = file.subarray(start.length);
  const isWhole = head !== null && pixels.length === Number(width) * Number(height) * 3;
  return isWhole ? { width: Number(width), height: Number(height), pixels } : null;
}

/** Whether anything larger than a text cursor differs. */
function differsMuch(a: Picture, b: Picture): boolean {
  if (a.width !== b.width || a.height !== b.height) return true;
  const box = { left: a.width, right: -1, top: a.height, bottom: -1 };
  for (let row = 0; row < a.height; row++) {
    const from = row * a.width * 3;
    const to = from + a.width * 3;
    if (Buffer.compare(a.pixels.subarray(from, to), b.pixels.subarray(from, to)) === 0) continue;
    box.top = Math.min(box.top, row);
    box.bottom = row;
    for (let at = from; at < to; at++) {
      if (a.pixels[at] === b.pixels[at]) continue;
      const column = Math.floor((at - from) / 3);
      box.left = Math.min(box.left, column);
      box.right = Math.max(box.right, column);
    }
  }
  return box.right - box.left >= cursorCell || box.bottom - box.top >= cursorCell;
}

const isSame = (a: Picture, b: Picture): boolean =>
  a.width === b.width && a.height === b.height && Buffer.compare(a.pixels, b.pixels) === 0;

/** Whether these pictures, oldest first, show a screen on which something goes on. */
export function isMoving(pictures: readonly Picture[]): boolean {
  const distinct: Picture[] = [];
  for (const picture of pictures)
    if (!distinct.some((seen) => isSame(seen, picture))) distinct.push(picture);
  // A cursor is there or not, which is two pictures; three are a clock, a counter or a bar.
  if (distinct.length > 2) return true;
  const [one, other] = distinct;
  return one !== undefined && other !== undefined && differsMuch(one, other);
}
