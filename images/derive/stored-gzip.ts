/**
 * gzip without compression (RFC 1952 around the stored blocks of RFC 1951, 3.2.4). What a compressor makes of the same
 * bytes differs between versions and processors of zlib, and with it the digest of an image; this does not. Pure.
 */

import { crc32 } from "node:zlib";

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
