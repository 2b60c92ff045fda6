/** What a lease tells of its holder, in the file that it locks; read by everybody, decided on by nobody: the lock decides. */
import { z } from "zod";
import type { LabgridPlace } from "../labgrid/client.ts";

export const leaseFacts = z.strictObject({
  user: z.string().max(200),
  /** The process that asked. */
  pid: z.number().int(),
  /** The keeper, which holds the lock and switches the board off. */
  keeper: z.number().int(),
  /** What it is used for: the directory of a run, or `by hand`. */
  use: z.string().max(500),
  /** Milliseconds since 1970. */
  since: z.number(),
  until: z.number(),
});
export type LeaseFacts = z.output<typeof leaseFacts>;

/** The facts in a lease file's text; null where it has none. */
export function parseLease(text: string): LeaseFacts | null {
  try {
    const parsed = leaseFacts.safeParse(JSON.parse(text.slice(0, 4096)));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** `ann since 2026-11-26 14:05 until 16:05 UTC, for runs/x (process 123)`. */
export function holderWords(facts: LeaseFacts | null): string {
  if (facts === null) return "somebody who left no name";
  const { user, since, until, use, pid } = facts;
  const time = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace("T", " ");
  const plain = (text: string): string => text.replace(/[^\x20-\x7e]+/g, "?");
  return `${plain(user)} since ${time(since)} until ${time(until)} UTC, for ${plain(use)} (process ${pid})`;
}

/** What the keeper is told first, as one line of JSON. */
export interface KeeperOrder {
  readonly file: string;
  readonly facts: Omit<LeaseFacts, "keeper" | "since" | "until">;
  /** Milliseconds. */
  readonly lastsMs: number;
  readonly wait: boolean;
  /** What is acquired with the board and given back after it is off; null where it has none. */
  readonly place: LabgridPlace | null;
  /** The board as `boards.yaml` describes it, and where that lies; null where nothing has to be switched off. */
  readonly switchOff: { readonly board: unknown; readonly boardsPath: string } | null;
}

/** What the keeper says, each as one line of JSON. */
export type KeeperWord =
  | { readonly word: "busy"; readonly holder: string }
  | { readonly word: "held" }
  | { readonly word: "expired" }
  | { readonly word: "off" }
  | { readonly word: "left-on"; readonly why: string }
  /** The place could not be given back. */
  | { readonly word: "kept"; readonly why: string }
  | { readonly word: "unfit"; readonly why: string };
