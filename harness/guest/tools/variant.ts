/**
 * A dictionary as GVariant stores it, `a{sv}`: the form of `/run/ostree-booted`. Source: the GVariant specification (framing
 * offsets, alignment); ostree, `src/switchroot/ostree-prepare-root.c` and `src/libotcore/otcore.h` for the keys.
 */

export type VariantValue = boolean | string;

const align8 = (at: number): number => (at + 7) & ~7;

/** Bytes of an offset in a container of this size. */
const offsetBytes = (size: number): number => (size <= 0xff ? 1 : size <= 0xffff ? 2 : 4);

const text = (data: Buffer): string => data.subarray(0, Math.max(0, data.indexOf(0))).toString();

/** A value with its type behind it; undefined for a type that nothing here reads. */
function readVariant(data: Buffer): VariantValue | undefined {
  const mark = data.lastIndexOf(0);
  if (mark < 0) return undefined;
  const type = data.subarray(mark + 1).toString();
  const value = data.subarray(0, mark);
  if (type === "b" && value.length === 1) return value[0] === 1;
  return type === "s" ? text(value) : undefined;
}

/**
 * The values of a dictionary that are booleans or texts, by their keys; others are left out. An empty file is an empty dictionary, as
 * ostree from before 2023 leaves it. Null for what is not a dictionary.
 */
export function parseVariantDictionary(data: Buffer): ReadonlyMap<string, VariantValue> | null {
  const found = new Map<string, VariantValue>();
  if (data.length === 0) return found;
  const size = offsetBytes(data.length);
  const offsetAt = (at: number): number => (at >= 0 ? data.readUIntLE(at, size) : -1);
  const table = offsetAt(data.length - size);
  if (table < 0 || table >= data.length || (data.length - table) % size !== 0) return null;
  let start = 0;
  for (let at = table; at < data.length; at += size) {
    const end = offsetAt(at);
    if (end <= start || end > table) return null;
    const entry = data.subarray(start, end);
    const inner = offsetBytes(entry.length);
    const keyEnd = entry.length > inner ? entry.readUIntLE(entry.length - inner, inner) : -1;
    if (keyEnd < 1 || align8(keyEnd) > entry.length - inner) return null;
    const value = readVariant(entry.subarray(align8(keyEnd), entry.length - inner));
    if (value !== undefined) found.set(text(entry.subarray(0, keyEnd)), value);
    start = align8(end);
  }
  return found;
}
