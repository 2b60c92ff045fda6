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
const typeOf = { folder: "5", file: "0", link: "2" } as const;
const modeOf = { folder: 0o755, file: 0o644, link: 0o777 } as const;

/** The archive. Throws RangeError for a path beyond its fields (100 bytes, or 155 and 100 parted at a slash), and a target beyond 100. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = entry.kind === "file" ? Buffer.from(entry.text, "utf8") : Buffer.alloc(0);
    return [headerOf(entry, content.length), content, padding(content.length)];
  });
  // The end of an archive is two blocks of zeros.
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}

const padding = (bytes: number): Buffer => Buffer.alloc((block - (bytes % block)) % block);

function headerOf(entry: TarEntry, bytes: number): Buffer {
  const header = Buffer.alloc(block);
  const text = (at: number, room: number, value: string): void => {
    if (Buffer.byteLength(value) > room) throw new RangeError(`'${value}' is too long for a tar.`);
    header.write(value, at, "utf8");
  };
  const octal = (at: number, room: number, value: number): void =>
    text(at, room, value.toString(8).padStart(room - 1, "0"));
  const path = entry.kind === "folder" ? `${entry.path}/` : entry.path;
  const slash = Buffer.byteLength(path) <= 100 ? -1 : path.indexOf("/", path.length - 101);
  // A folder's own slash parts nothing.
  const at = slash === path.length - 1 ? -1 : slash;
  text(0, 100, path.slice(at + 1));
  if (at > 0) text(345, 155, path.slice(0, at));
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
