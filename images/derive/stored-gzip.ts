/**
 * gzip without compression (RFC 1952 around the stored blocks of RFC 1951, 3.2.4). What a compressor makes of the same
 * bytes differs between versions and processors of zlib, and with it the digest of an image; this does not. Pure.
 */

const longestBlock = 0xffff;

/** Magic, deflate, no flags, no time, no extra flags, operating system unknown (255): nothing of this host. */
const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);

/** The bytes as gzip that every reader unpacks. */
export function storedGzip(content: Buffer): Buffer {
  const parts: Buffer[] = [header];
  let at = 0;
  do {
    const piece = content.subarray(at, at + longestBlock);
    at += piece.length;
    const head = Buffer.alloc(5);
    head.writeUInt8(at === content.length ? 1 : 0, 0);
    head.writeUInt16LE(piece.length, 1);
    head.writeUInt16LE(~piece.length & 0xffff, 3);
    parts.push(head, piece);
  } while (at < content.length);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(content), 0);
  trailer.writeUInt32LE(content.length >>> 0, 4);
  return Buffer.concat([...parts, trailer]);
}

const crcTable = Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

/** The checksum of RFC 1952, 8. zlib's own is in Node from 20.15 and 22.2 on, its types are not. */
function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crcTable[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
