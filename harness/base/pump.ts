/** Moves bytes from one stream to another until the end or until the run is stopped. */
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

/**
 * As `pipeline`, which would reject with a bare AbortError when the signal fires: callers have to see why the run stopped.
 * @throws The signal's reason, or what a stream failed with.
 */
export async function pump(source: Readable, target: Writable, signal: AbortSignal): Promise<void> {
  try {
    await pipeline(source, target, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
