/** A serial line that is bad: what a board says comes out of it with a fault. */

/** `drops-bytes`: one of so many is lost. `wrong-speed`: bits are read in the wrong places. */
export type SerialFaultKind = "drops-bytes" | "wrong-speed";

const everyByte = 40;

export class SerialFault {
  readonly #kind: SerialFaultKind | undefined;
  #count = 0;

  constructor(kind: SerialFaultKind | undefined) {
    this.#kind = kind;
  }

  /** What is heard of what was said. */
  pass(bytes: Buffer): Buffer {
    if (this.#kind === "wrong-speed")
      return Buffer.from(bytes.map((byte, index) => ((byte + index) * 151 + 13) % 256));
    if (this.#kind === "drops-bytes")
      return Buffer.from(bytes.filter(() => ++this.#count % everyByte !== 0));
    return bytes;
  }
}
