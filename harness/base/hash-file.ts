/** The digest of a file of any size, read to its end. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pump } from "./pump.ts";
import { asDigest, type Digest } from "./units.ts";

/** `sha256:…` of a file. Throws the file system's own error where it cannot be read. */
export async function hashFile(path: string, signal: AbortSignal): Promise<Digest> {
  const hash = createHash("sha256");
  await pump(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash, signal);
  return asDigest(`sha256:${hash.digest("hex")}`);
}
