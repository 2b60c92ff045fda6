/**
 * Writes a small ISO 9660 volume with a few files in its root, for what a machine is handed on a disk: a kickstart on a
 * volume named OEMDRV. Names are ISO's own (ECMA-119, level 1), which Linux shows in small letters. Pure.
 */

const sectorBytes = 2048;

export interface VolumeFile {
  /** At most eight letters, digits or underscores, a dot, and at most three more. */
  readonly name: string;
  readonly content: Uint8Array;
}

/** The bytes of a volume. `label`: at most 32 capital letters, digits and underscores. */
export function writeIso(label: string, files: readonly VolumeFile[]): Buffer {
  if (!/^[A-Z0-9_]{1,32}$/.test(label)) throw new TypeError(`'${label}' cannot be a volume label.`);
  const named = files
    .map(({ name, content }) => ({ name: isoName(name), content }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  // 16 volume descriptor, 17 the last descriptor, 18 and 19 the path tables, 20 the root folder, then the files.
  const rootAt = 20;
  let next = rootAt + 1;
  const placed = named.map((file) => {
    const at = next;
    next += sectorsFor(file.content.length);
    return { ...file, at };
  });
  const image = Buffer.alloc(next * sectorBytes);
  const place = (sector: number, bytes: Uint8Array): void => image.set(bytes, sector * sectorBytes);
  place(16, primaryDescriptor(label, { sectors: next, rootAt }));
  place(17, Buffer.from("\xffCD001\x01", "latin1"));
  place(18, pathTable(rootAt, "little"));
  place(19, pathTable(rootAt, "big"));
  const itself = (name: string): Buffer =>
    folderRecord({ name, at: rootAt, size: sectorBytes, flags: 2 });
  const records = [
    itself("\0"),
    itself("\x01"),
    ...placed.map(({ name, content, at }) =>
      folderRecord({ name, at, size: content.length, flags: 0 }),
    ),
  ];
  const root = Buffer.concat(records);
  if (root.length > sectorBytes) throw new TypeError("The files do not fit into one folder.");
  place(rootAt, root);
  for (const { at, content } of placed) place(at, content);
  return image;
}

/** An empty file has a sector, too, so that no two begin at the same one. */
const sectorsFor = (bytes: number): number => Math.max(1, Math.ceil(bytes / sectorBytes));

function isoName(name: string): string {
  if (!/^[A-Za-z0-9_]{1,8}\.[A-Za-z0-9_]{0,3}$/.test(name))
    throw new TypeError(`'${name}' cannot be the name of a file on a volume.`);
  return `${name.toUpperCase()};1`;
}

/** A number in both byte orders (ECMA-119, 7.3.3 and 7.2.3). */
function both32(into: Buffer, at: number, value: number): void {
  into.writeUInt32LE(value, at);
  into.writeUInt32BE(value, at + 4);
}
function both16(into: Buffer, at: number, value: number): void {
  into.writeUInt16LE(value, at);
  into.writeUInt16BE(value, at + 2);
}

interface Placed {
  readonly name: string;
  readonly at: number;
  readonly size: number;
  readonly flags: number;
}

/** ECMA-119, 9.1. Without a date: zeros mean that none is given. */
function folderRecord({ name, at, size, flags }: Placed): Buffer {
  const record = Buffer.alloc(33 + name.length + ((name.length + 1) % 2));
  record[0] = record.length;
  both32(record, 2, at);
  both32(record, 10, size);
  record[25] = flags;
  both16(record, 28, 1);
  record[32] = name.length;
  record.write(name, 33, "latin1");
  return record;
}

/** The root alone (ECMA-119, 9.4). */
function pathTable(rootAt: number, order: "little" | "big"): Buffer {
  const table = Buffer.alloc(10);
  table[0] = 1;
  if (order === "little") {
    table.writeUInt32LE(rootAt, 2);
    table.writeUInt16LE(1, 6);
  } else {
    table.writeUInt32BE(rootAt, 2);
    table.writeUInt16BE(1, 6);
  }
  return table;
}

/** ECMA-119, 8.4. */
function primaryDescriptor(
  label: string,
  { sectors, rootAt }: { readonly sectors: number; readonly rootAt: number },
): Buffer {
  const descriptor = Buffer.alloc(sectorBytes);
  descriptor.write("\x01CD001\x01", 0, "latin1");
  descriptor.fill(" ", 8, 72, "latin1");
  descriptor.write(label, 40, "latin1");
  both32(descriptor, 80, sectors);
  both16(descriptor, 120, 1);
  both16(descriptor, 124, 1);
  both16(descriptor, 128, sectorBytes);
  both32(descriptor, 132, 10);
  descriptor.writeUInt32LE(18, 140);
  descriptor.writeUInt32BE(19, 148);
  folderRecord({ name: "\0", at: rootAt, size: sectorBytes, flags: 2 }).copy(descriptor, 156);
  descriptor.fill(" ", 190, 813, "latin1");
  for (const at of [813, 830, 847, 864]) descriptor.fill("0", at, at + 16, "latin1");
  descriptor[881] = 1;
  return descriptor;
}
