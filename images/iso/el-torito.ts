/**
 * For which firmware a volume can be booted, by its own boot catalogue ("El Torito" Bootable CD-ROM Format Specification 1.0,
 * 2.0 to 2.4; UEFI 2.10, 13.3.2.1 for the platform of UEFI). A catalogue that is damaged says nothing.
 */
import { type BootPlatform, bootPlatforms } from "../image.ts";
import type { IsoVolume } from "./iso9660.ts";

const sectorBytes = 2048;
/** The boot record has a place of its own, behind the primary descriptor. */
const bootRecord = 17;
const entryBytes = 32;
const isBootable = 0x88;
const [moreHeaders, lastHeader, extension] = [0x90, 0x91, 0x44];

/** Platforms of the specifications by their numbers: a PC's BIOS, and UEFI. */
const platforms: Readonly<Record<number, BootPlatform>> = { 0: "bios", 239: "uefi" };

/** The platforms of its bootable entries, each once; null for a volume whose catalogue is missing or damaged. */
export async function readBootPlatforms(iso: IsoVolume): Promise<readonly BootPlatform[] | null> {
  const inside = (start: number): boolean => start > 0 && start + sectorBytes <= iso.bytes;
  if (!inside(bootRecord * sectorBytes)) return null;
  const record = await iso.readAt(bootRecord * sectorBytes, sectorBytes);
  const isRecord = record[0] === 0 && record.toString("latin1", 1, 6) === "CD001";
  if (!isRecord || !record.toString("latin1", 7, 30).startsWith("EL TORITO SPECIFICATION"))
    return null;
  const start = record.readUInt32LE(0x47) * sectorBytes;
  return inside(start) ? parseBootCatalogue(await iso.readAt(start, sectorBytes)) : null;
}

/** The same of the catalogue's first sector, which has room for sixty entries; null for one that is damaged. Pure. */
export function parseBootCatalogue(catalogue: Buffer): readonly BootPlatform[] | null {
  const entry = (index: number): Buffer =>
    catalogue.subarray(index * entryBytes, (index + 1) * entryBytes);
  const validation = entry(0);
  if (validation.length < entryBytes || validation[0] !== 1) return null;
  if (validation[30] !== 0x55 || validation[31] !== 0xaa || sumOf(validation) !== 0) return null;
  const found = new Set<BootPlatform | undefined>();
  const note = (platform: number | undefined, one: Buffer): void => {
    if (one[0] === isBootable) found.add(platforms[platform ?? -1]);
  };
  note(validation[1], entry(1));
  const count = Math.floor(catalogue.length / entryBytes);
  for (let at = 2; at < count; ) {
    const header = entry(at++);
    if (header[0] !== moreHeaders && header[0] !== lastHeader) break;
    for (let left = header.readUInt16LE(2); left > 0 && at < count; left--) {
      note(header[1], entry(at++));
      while (at < count && entry(at)[0] === extension) at++;
    }
    if (header[0] === lastHeader) break;
  }
  return bootPlatforms.filter((one) => found.has(one));
}

/** All its words together have to be zero (2.1, validation entry). */
const sumOf = (entry: Buffer): number => {
  let sum = 0;
  for (let at = 0; at < entryBytes; at += 2) sum = (sum + entry.readUInt16LE(at)) & 0xffff;
  return sum;
};
