/**
 * Writes tiny `newc` cpio archives. The kernel unpacks archives that follow each other in one initramfs and the later
 * file wins, so a fault can be put into a good initramfs by appending to it instead of building another one.
 */
export interface CpioFile {
  readonly name: string;
  readonly mode: number;
  readonly content: string | Uint8Array;
}

const hex = (value: number): string => value.toString(16).padStart(8, "0").toUpperCase();

const padTo4 = (data: Buffer): Buffer => Buffer.concat([data, Buffer.alloc(-data.length & 3)]);

function entry(file: CpioFile, inode: number): Buffer {
  const name = Buffer.from(`${file.name}\0`);
  const content = Buffer.from(file.content as Uint8Array);
  const fields = [inode, file.mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map(hex).join("")}`);
  return Buffer.concat([padTo4(Buffer.concat([header, name])), padTo4(content)]);
}

/** The archive of some files. Parent folders are expected to exist already. */
export function cpioArchive(files: readonly CpioFile[]): Buffer {
  const trailer = { name: "TRAILER!!!", mode: 0, content: "" };
  const entries = files.map((file, index) => entry(file, index + 1));
  return Buffer.concat([...entries, entry(trailer, 0)]);
}

/** An initramfs with files replaced. */
export const appendToInitramfs = (initramfs: Buffer, files: readonly CpioFile[]): Buffer =>
  Buffer.concat([padTo4(initramfs), cpioArchive(files)]);
