/** The end of a file that may be of any size. */
import type { FileHandle } from "node:fs/promises";

/** At most `maxBytes` of the end of an open file, none of them before `from`; and where in the file they begin. */
export async function readEnd(
  file: FileHandle,
  { maxBytes, from = 0 }: { readonly maxBytes: number; readonly from?: number },
): Promise<{ readonly start: number; readonly bytes: Buffer }> {
  const { size } = await file.stat();
  const start = Math.max(from, size - maxBytes);
  const room = Buffer.alloc(Math.max(0, size - start));
  let filled = 0;
  while (filled < room.length) {
    const { bytesRead } = await file.read(room, filled, room.length - filled, start + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return { start, bytes: room.subarray(0, filled) };
}
