/**
 * Writes the small tar of a layer. Pure, and the same bytes for the same entries everywhere: ustar (POSIX.1-2001, pax(1),
 * "ustar Interchange Format"), owner root, every time the same.
 */

export type TarEntry =
  | { readonly kind: "folder"; readonly path: string }
  | {
      readonly kind: "file";
      readonly path: string;
      readonly text: string;
      /** Default false. */
      readonly isExecutable?: boolean;
    }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

const block = 512;
const typeOf = { folder: "5", file: "0", link: "2", record: "x" } as const;
const modeOf = { folder: 0o755, file: 0o644, link: 0o777, record: 0o644 } as const;

/** The archive. Throws RangeError for a link's target beyond 100 bytes. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = entry.kind === "file" ? Buffer.from(entry.text, "utf8") : Buffer.alloc(0);
    return [...recordOf(entry), headerOf(entry, content.length), ...padded(content)];
  });
  // The end of an archive is two blocks of zeros.
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}

const padded = (content: Buffer): Buffer[] => [
  content,
  Buffer.alloc((block - (content.length % block)) % block),
];

const pathOf = (entry: TarEntry): string =>
  entry.kind === "folder" ? `${entry.path}/` : entry.path;

/** The two fields of a header that a path goes into, parted at a slash; null where it fits into neither. */
function fieldsOf(path: string): { readonly prefix: string; readonly name: string } | null {
  if (Buffer.byteLength(path) <= 100) return { prefix: "", name: path };
  const at = path.indexOf("/", path.length - 101);
  // A folder's own slash parts nothing.
  if (at <= 0 || at === path.length - 1) return null;
  const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
  return Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100
    ? { prefix, name }
    : null;
}

/** For a path beyond the fields: a record with all of it before the entry (pax(1), "pax Extended Header"). */
function recordOf(entry: TarEntry): Buffer[] {
  const path = pathOf(entry);
  if (fieldsOf(path) !== null) return [];
  const rest = ` path=${path}\n`;
  // A record begins with its own length, which counts itself.
  const bytes = Buffer.byteLength(rest);
  const length = [2, 3, 4, 5]
    .map((digits) => bytes + digits)
    .find((n) => `${n}`.length === n - bytes);
  const record = Buffer.from(`${length}${rest}`);
  return [headerOf({ kind: "record", path: "pax_header" }, record.length), ...padded(record)];
}

function headerOf(
  entry: TarEntry | { readonly kind: "record"; readonly path: string },
  bytes: number,
): Buffer {
  const header = Buffer.alloc(block);
  const text = (at: number, room: number, value: string): void => {
    if (Buffer.byteLength(value) > room) throw new RangeError(`'${value}' is too long for a tar.`);
    header.write(value, at, "utf8");
  };
  const octal = (at: number, room: number, value: number): void =>
    text(at, room, value.toString(8).padStart(room - 1, "0"));
  const path = entry.kind === "record" ? entry.path : pathOf(entry);
  // The record before it has all of the path then.
  const { prefix, name } = fieldsOf(path) ?? { prefix: "", name: "long" };
  text(0, 100, name);
  text(345, 155, prefix);
  const isExecutable = entry.kind === "file" && entry.isExecutable === true;
  octal(100, 8, isExecutable ? 0o755 : modeOf[entry.kind]);
  octal(108, 8, 0);
  octal(116, 8, 0);
  octal(124, 12, bytes);
  octal(136, 12, 0);
  text(156, 1, typeOf[entry.kind]);
  if (entry.kind === "link") text(157, 100, entry.target);
  text(257, 8, "ustar\u000000");
  octal(329, 8, 0);
  octal(337, 8, 0);
  // The sum is made with spaces in its own field.
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}
