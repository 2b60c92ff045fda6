/**
 * Sparse entries of a tar archive, in all forms that GNU tar writes (its manual, "Storing Sparse Files"): mkosi's layers have
 * them. What is stored are the pieces of the file; a map says where each begins, and zeros are between them.
 */
import { type ByteSource, EndedEarly } from "./byte-source.ts";
import { blockBytes, numberOf, type TarHeader, TarMalformed } from "./tar-header.ts";

/** Where stored bytes belong. */
interface Piece {
  readonly offset: number;
  readonly length: number;
}

export interface Sparse {
  /** Bytes of the whole file, its holes included. */
  readonly size: number;
  /** Bytes in the archive, without the map. */
  readonly stored: number;
  readonly pieces: readonly Piece[];
}

type Pax = ReadonlyMap<string, Buffer>;

const maxPieces = 200_000;
const maxMapBytes = 8 * 1024 * 1024;
/** The holes of a few bytes of archive would fill any disk. */
const maxSize = 64 * 1024 ** 3;

/**
 * What is sparse of the entry behind a header, its map read from `source` where it is stored there; null for one that is not.
 * `block` is the header's own bytes. Throws TarMalformed, and EndedEarly for an archive that is cut off.
 */
export async function readSparse(
  source: ByteSource,
  { block, header, pax }: { readonly block: Buffer; readonly header: TarHeader; readonly pax: Pax },
): Promise<Sparse | null> {
  if (header.type === "S") return oldGnu(source, Buffer.from(block), header.size);
  const said = (key: string): string | null =>
    pax.get(`GNU.sparse.${key}`)?.toString("latin1") ?? null;
  const stored = wholeNumber(pax.get("size")?.toString("latin1") ?? String(header.size));
  const version = `${said("major") ?? "0"}.${said("minor") ?? "x"}`;
  if (version === "1.0") {
    const { numbers, bytes } = await mapBefore(source, stored);
    return checked(wholeNumber(said("realsize")), stored - bytes, numbers);
  }
  const map = said("map");
  if (map === null) {
    if (![...pax.keys()].some((key) => key.startsWith("GNU.sparse."))) return null;
    throw malformed("has a map that is not one of version 0.0, 0.1 or 1.0");
  }
  const numbers = map === "" ? [] : map.split(",").map(wholeNumber);
  if (said("numblocks") !== null && numbers.length !== 2 * wholeNumber(said("numblocks")))
    throw malformed("has a map of another length than it says");
  return checked(wholeNumber(said("size") ?? said("realsize")), stored, numbers);
}

const malformed = (what: string): TarMalformed =>
  new TarMalformed(`it has a sparse entry that ${what}`);

function wholeNumber(text: string | null): number {
  if (text === null || !/^\d{1,15}$/.test(text)) throw malformed("has a number that is not one");
  return Number(text);
}

/** Bytes of a place in the map of an old header: offset and length, of twelve each. */
const placeBytes = 24;

/** Four places are in the header; the blocks behind it have 21 each, and say whether another one follows. */
async function oldGnu(source: ByteSource, header: Buffer, stored: number): Promise<Sparse> {
  const numbers: number[] = [];
  const addFrom = (block: Buffer, start: number, count: number): void => {
    for (let at = start; at < start + count * placeBytes; at += placeBytes) {
      if (block[at + 12] === 0) return;
      numbers.push(numberOf(block, at, 12, "map"), numberOf(block, at + 12, 12, "map"));
    }
  };
  addFrom(header, 386, 4);
  for (let goesOn = header[482] !== 0; goesOn; ) {
    const block = await source.read(blockBytes);
    if (block === null) throw new EndedEarly();
    addFrom(block, 0, 21);
    if (numbers.length > 2 * maxPieces) throw malformed("has too many pieces");
    goesOn = block[504] !== 0;
  }
  return checked(numberOf(header, 483, 12, "size"), stored, numbers);
}

/** The map before the content: how many pieces, then each, a number a line; filled up to a whole block. */
async function mapBefore(
  source: ByteSource,
  stored: number,
): Promise<{ readonly numbers: readonly number[]; readonly bytes: number }> {
  const blocks: string[] = [];
  let [count, lines] = [-1, 0];
  for (let bytes = blockBytes; bytes <= Math.min(stored, maxMapBytes); bytes += blockBytes) {
    const block = await source.read(blockBytes);
    if (block === null) throw new EndedEarly();
    blocks.push(block.toString("latin1"));
    for (const byte of block) if (byte === 0x0a) lines++;
    if (lines === 0) continue;
    if (count < 0) count = wholeNumber(blocks.join("").split("\n", 1)[0] ?? null);
    if (count > maxPieces) throw malformed("has too many pieces");
    if (lines <= 2 * count) continue;
    const numbers = blocks.join("").split("\n");
    return { numbers: numbers.slice(1, 1 + 2 * count).map(wholeNumber), bytes };
  }
  throw malformed("has a map without an end");
}

/** Pieces in their order, none beyond the file, and as many bytes as the archive has. */
function checked(size: number, stored: number, numbers: readonly number[]): Sparse {
  if (size > maxSize) throw malformed("is larger than 64 GiB, which bootgate does not unpack");
  if (numbers.length > 2 * maxPieces) throw malformed("has too many pieces");
  const pieces: Piece[] = [];
  let [end, sum] = [0, 0];
  for (let at = 0; at < numbers.length; at += 2) {
    const [offset = -1, length = -1] = numbers.slice(at, at + 2);
    if (offset < end || length < 0 || offset + length > size)
      throw malformed("has pieces that cannot be");
    pieces.push({ offset, length });
    end = offset + length;
    sum += length;
  }
  if (sum !== stored) throw malformed("has pieces of other bytes than are stored");
  return { size, stored, pieces };
}

const zeros = Buffer.alloc(64 * 1024);

function* hole(length: number): Generator<Buffer> {
  for (let left = length; left > 0; left -= zeros.length)
    yield left < zeros.length ? zeros.subarray(0, left) : zeros;
}

/** The bytes of the whole file. Throws EndedEarly for an archive that is cut off. */
export async function* filled(source: ByteSource, sparse: Sparse): AsyncGenerator<Buffer> {
  let at = 0;
  for (const { offset, length } of sparse.pieces) {
    yield* hole(offset - at);
    yield* source.take(length);
    at = offset + length;
  }
  yield* hole(sparse.size - at);
}
