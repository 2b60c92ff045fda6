/**
 * Whether what comes over a serial line is text at all. At a wrong speed bits are read in the wrong places: most bytes are then
 * neither ASCII nor UTF-8. Firmware that prints a logo of odd bytes is not: it has lines of text around it.
 */

/** Fewer prove nothing: a line that is plugged in makes some noise. Bytes. */
const leastBytes = 400;
const window = 2000;
/** Of a console at its right speed, drawing characters of menus included, less than a tenth is odd. */
const mostOdd = 0.4;

export class LineQuality {
  #recent = "";

  feed(bytes: Uint8Array): void {
    this.#recent = (this.#recent + Buffer.from(bytes).toString("latin1")).slice(-window);
  }

  /** True when what came last cannot be read as text. */
  get isGarbage(): boolean {
    if (this.#recent.length < leastBytes) return false;
    const text = Buffer.from(this.#recent, "latin1").toString("utf8");
    const odd = text.match(/[\u0000-\u0006\u000e-\u001a\u001c-\u001f\u007f-\u009f\ufffd]/g);
    return (odd?.length ?? 0) > text.length * mostOdd;
  }

  /** Forgets what came: the next boot is judged by itself. */
  restart(): void {
    this.#recent = "";
  }
}
