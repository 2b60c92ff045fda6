/** Kernels and unified kernel images as small as they can be. */
import { frozen } from "../../golden/frozen.ts";

export interface Section {
  readonly name: string;
  readonly content: string;
  /** Said in the header instead of the true ones. */
  readonly size?: number;
  readonly offset?: number;
}

const align = 512;

/** A program for EFI with these sections (PE format): headers, a table of sections, their contents padded to 512 bytes. */
export function efiProgram(machine: number, sections: readonly Section[]): Buffer {
  const head = Buffer.alloc(4096);
  head.write("MZ", 0, "latin1");
  head.writeUInt32LE(0x80, 0x3c);
  head.write("PE\0\0", 0x80, "latin1");
  head.writeUInt16LE(machine, 0x84);
  head.writeUInt16LE(sections.length, 0x86);
  head.writeUInt16LE(240, 0x94);
  let at = head.length;
  const parts = sections.map(({ name, content, size, offset }, index) => {
    const entry = 0x84 + 20 + 240 + index * 40;
    const padded = Math.ceil(content.length / align) * align;
    head.write(name, entry, "latin1");
    head.writeUInt32LE(size ?? content.length, entry + 8);
    head.writeUInt32LE(size ?? padded, entry + 16);
    head.writeUInt32LE(offset ?? at, entry + 20);
    at += padded;
    const part = Buffer.alloc(padded);
    part.write(content, "latin1");
    return part;
  });
  return Buffer.concat([head, ...parts]);
}

/** The first bytes of a kernel for x86_64, as `-kernel` takes it. */
export function bzImage(): Buffer {
  const bytes = Buffer.alloc(1024);
  bytes.write("HdrS", 0x202, "latin1");
  return bytes;
}

/** A compressed kernel that unpacks itself as a program for EFI. */
export function zboot(machine: number, compression: string): Buffer {
  const bytes = efiProgram(machine, []);
  bytes.write("zimg", 4, "latin1");
  bytes.write(`${compression}\0`, 24, "latin1");
  return bytes;
}

export const machineTypes = frozen({ x86_64: 0x8664, aarch64: 0xaa64 } as const);
