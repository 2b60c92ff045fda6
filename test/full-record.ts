/** How each file of the long tests ended last, and on which content. */
import { z } from "zod";
import type { TierSummary } from "./tier-summary.ts";

const endSchema = z.strictObject({
  /** Of all that the file's tests see. */
  content: z.string(),
  at: z.iso.datetime(),
  count: z.strictObject({ passed: z.number(), failed: z.number(), skipped: z.number() }),
});
export type FileEnd = z.infer<typeof endSchema>;

const recordSchema = z.record(z.string(), endSchema);
/** By the file's path. */
export type FullRecord = Readonly<Record<string, FileEnd>>;

/** @param text Of the file that keeps it. One that is half-written or of an older version says nothing. */
export function parseFullRecord(text: string): FullRecord {
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return {};
  }
}

/** What a file's earlier end counts for now: only a pass on the same content does. */
export function stillPassed(end: FileEnd | undefined, content: string): TierSummary | null {
  if (end?.content !== content || end.count.failed > 0 || end.count.passed === 0) return null;
  return { count: end.count, failures: [] };
}
