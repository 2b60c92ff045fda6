/** How a character on a terminal looks (ECMA-48, SGR), as far as that tells a highlighted row from another one. Pure. */

export interface Pen {
  /** A terminal's colours, 0 to 7. */
  readonly front: number;
  readonly back: number;
  readonly isBright: boolean;
  readonly isReverse: boolean;
}

/** What a terminal writes with before it is told anything: light grey on black. */
export const plainPen: Pen = { front: 7, back: 0, isBright: false, isReverse: false };

/** The pen after a sequence that selects how characters look, by its numbers: `7`, `0;30;47`. Others than the usual eight colours are not told apart. */
export function penAfter(pen: Pen, numbers: string): Pen {
  let next = pen;
  for (const part of numbers.split(";")) {
    const number = part === "" ? 0 : Number.parseInt(part, 10);
    if (number === 38 || number === 48) return next;
    next = penAfterOne(next, number);
  }
  return next;
}

function penAfterOne(pen: Pen, number: number): Pen {
  if (number === 0) return plainPen;
  if (number === 1 || number === 22) return { ...pen, isBright: number === 1 };
  if (number === 7 || number === 27) return { ...pen, isReverse: number === 7 };
  if (number === 39) return { ...pen, front: plainPen.front };
  if (number === 49) return { ...pen, back: plainPen.back };
  if (number >= 30 && number <= 37) return { ...pen, front: number - 30 };
  if (number >= 40 && number <= 47) return { ...pen, back: number - 40 };
  return pen;
}

/** The same text for what looks the same, however the terminal was told. */
export function lookOf({ front, back, isBright, isReverse }: Pen): string {
  const colours = isReverse ? [back, front] : [front, back];
  return `${colours.join(" on ")}${isBright ? " bright" : ""}`;
}
