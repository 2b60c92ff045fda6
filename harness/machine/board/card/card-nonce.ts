/**
 * A mark on the card that is new at each writing, read again by the booted system: a card that is worn, or another card, boots an older
 * image and would make the run green. It lies in the last sectors before the first partition, where the image has zeros alone: neither
 * a partition nor a partition table is touched, and nothing that grows the last partition at the first boot comes there.
 */
import { randomBytes } from "node:crypto";

export interface CardNonce {
  /** Where it lies, bytes from the beginning. A multiple of 512. */
  readonly at: number;
  /** 32 hex digits. */
  readonly word: string;
}

export const nonceBytes = 512;
const mark = "bootgate card ";
/** GRUB's core of a BIOS system and the loaders of some boards lie at the beginning of the gap (sectors 1 to 2047); the end of a whole MiB is left. */
const leastGap = 512 * 1024;
const room = 4096;

/** Where a mark can lie; null where the image has no room for one. `head`: the first bytes of the image, 8 MiB of it suffice. Pure. */
export function placeForNonce(head: Uint8Array): number | null {
  const first = firstPartition(Buffer.from(head.buffer, head.byteOffset, head.byteLength));
  if (first === null || first < leastGap || first > head.length) return null;
  const at = first - room;
  return head.subarray(at, first).every((byte) => byte === 0) ? at : null;
}

/** A new mark for that place. */
export const newNonce = (at: number): CardNonce => ({ at, word: randomBytes(16).toString("hex") });

/** The sector with the mark. */
export function nonceSector({ word }: CardNonce): Buffer {
  const sector = Buffer.alloc(nonceBytes);
  sector.write(`${mark}${word}\n`, "latin1");
  return sector;
}

/** The word in a sector that was read; null where it does not have a mark. */
export function readNonce(sector: Uint8Array): string | null {
  const text = Buffer.from(sector).toString("latin1");
  return new RegExp(`^${mark}([0-9a-f]{32})\\n\\0`).exec(text)?.[1] ?? null;
}

/** Where the first partition begins, bytes; null without a partition table. UEFI specification, 5.3 (GPT); 5.2 (MBR). */
function firstPartition(head: Buffer): number | null {
  for (const sector of [512, 4096]) {
    if (head.length < sector * 2 || head.toString("latin1", sector, sector + 8) !== "EFI PART")
      continue;
    const entries = Number(head.readBigUInt64LE(sector + 72)) * sector;
    const [count, size] = [head.readUInt32LE(sector + 80), head.readUInt32LE(sector + 84)];
    if (count > 1024 || size < 128 || size > 4096 || entries + count * size > head.length)
      return null;
    const starts = Array.from({ length: count }, (_, index) => entries + index * size)
      .filter((at) => head.subarray(at, at + 16).some((byte) => byte !== 0))
      .map((at) => Number(head.readBigUInt64LE(at + 32)) * sector);
    return starts.length === 0 ? null : Math.min(...starts);
  }
  if (head.length < 512 || head.readUInt16LE(510) !== 0xaa55) return null;
  const starts = [446, 462, 478, 494]
    .filter((at) => head[at + 4] !== 0)
    .map((at) => head.readUInt32LE(at + 8) * 512);
  return starts.length === 0 ? null : Math.min(...starts);
}
