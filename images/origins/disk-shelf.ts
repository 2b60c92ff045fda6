/** Where disks are kept that were unpacked or converted, once per content: each in a folder of its own, as the file `disk`. */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { Shelf } from "../../harness/base/shelf.ts";
import type { Digest } from "../../harness/base/units.ts";
import { waitWords } from "../../harness/base/wait-words.ts";
import type { Bounds } from "./bounded-run.ts";

export interface DiskRequest {
  /** The file that is read. */
  readonly path: string;
  readonly cacheDir: string;
  /** Digest of the file that a person gave. */
  readonly digest: Digest;
  /** What is made of it. */
  readonly form: "plain" | "qcow2";
  /** Longest file that is made, in bytes. */
  readonly maxBytes: number;
  /** How messages call that file. */
  readonly given: string;
  /** What is done to it: `unpacks`. */
  readonly verb: string;
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
  /** Writes the disk. */
  readonly make: (target: string, bounds: Bounds) => Promise<void>;
}

const schema = z.strictObject({ version: z.literal(1) });
/** How much larger than its file a disk usually is. What nobody uses gives way for that much; it is not a limit. */
const usualGrowth = 4;

/** Path of the disk, which this process has marked as in use. Throws what `make` throws, and HostUnfit where the disk is full. */
export async function keptDisk(request: DiskRequest): Promise<string> {
  const { path, given, cacheDir, digest, form, maxBytes, verb, signal, onProgress, make } = request;
  const what = `'${given}'`;
  const shelf = new Shelf({ cacheDir, name: "disks", schema });
  const hex = digest.slice("sha256:".length);
  const key = form === "plain" ? hex : createHash("sha256").update(`${form} ${hex}`).digest("hex");
  const held = await shelf.provide(key, {
    what,
    signal,
    onWait: (holder) => onProgress(waitWords(holder, `${verb} ${what}`)),
    fill: async (draft) => {
      const { blocks } = await stat(path);
      const freeBytes = await shelf.makeRoom(blocks * 512 * usualGrowth, signal);
      await make(join(draft, "disk"), { maxBytes, freeBytes });
      return { version: 1 };
    },
  });
  return join(held.path, "disk");
}
