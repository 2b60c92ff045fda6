/**
 * Cuts the piece of a console log that a report shows: the lines around the fatal one, or the end. It takes the log
 * chunk by chunk and keeps only the piece, so a log of 100 MB costs no memory.
 */
import { StringDecoder } from "node:string_decoder";
import { stripControls } from "../harness/log/clean-text.ts";
import type { ConsoleExcerpt } from "./inputs.ts";

const maxLineLength = 500;

export interface ExcerptOptions {
  /** 1-based number of the line that must be in the piece; the end of the log without it. */
  readonly around?: number;
  /** Lines in the piece, 200 unless told. */
  readonly count?: number;
}

/** The excerpt of a log that comes in chunks. Lines are cleaned and cut at 500 characters. */
export async function consoleExcerpt(
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
  { around, count = 200 }: ExcerptOptions = {},
): Promise<ConsoleExcerpt> {
  const lastWanted = around === undefined ? Number.POSITIVE_INFINITY : around + (count >> 2);
  const ring: string[] = [];
  let total = 0;
  const keep = (line: string) => {
    total++;
    ring[(total - 1) % count] = line.slice(0, maxLineLength);
  };
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(chunk)).split("\n");
    rest = (lines.pop() ?? "").slice(0, maxLineLength * 4);
    for (const line of lines) {
      if (total >= lastWanted) break;
      keep(line);
    }
    if (total >= lastWanted) break;
  }
  if (total < lastWanted && rest !== "") keep(rest);
  const kept = Math.min(total, count);
  const first = total - kept;
  const lines = Array.from({ length: kept }, (_, index) =>
    stripControls((ring[(first + index) % count] ?? "").replace(/\r+$/u, "")).replace(/\n/gu, " "),
  );
  // A piece of a string keeps the whole string in memory: joined and split again, the lines let go of their chunks.
  return { lines: kept === 0 ? [] : lines.join("\n").split("\n"), firstLineNumber: first + 1 };
}

interface ConsoleError {
  readonly message: string;
  readonly fatalLine?: { readonly lineNumber: number } | undefined;
}

/** The 1-based line of the console log that an error points to, by its field or by its own last line; null without. */
export function fatalLineNumber({ message, fatalLine }: ConsoleError): number | null {
  if (fatalLine !== undefined) return fatalLine.lineNumber;
  const told = /^ *look at +\S.*:(\d{1,9})$/mu.exec(message)?.[1];
  return told === undefined ? null : Number(told);
}

/**
 * The index in an excerpt of the line that ended the boot: by its number, checked against the error's quotation where
 * it has one, else the last line that the error quotes. Null when the excerpt does not hold it.
 */
export function fatalIndex(excerpt: ConsoleExcerpt, error: ConsoleError): number | null {
  const quoted = quotations(error.message);
  const isIt = (line: string | undefined): boolean =>
    line !== undefined && quoted.some((text) => line.includes(text));
  const number = fatalLineNumber(error);
  const index = number === null ? -1 : number - excerpt.firstLineNumber;
  const line = excerpt.lines[index];
  if (line !== undefined && (error.fatalLine !== undefined || isIt(line))) return index;
  const found = excerpt.lines.findLastIndex(isIt);
  return found < 0 ? null : found;
}

/** What a message quotes, escapes undone; short words are left out, since they would match anywhere. */
function quotations(message: string): string[] {
  const quotes = message.slice(0, 20_000).match(/"(?:[^"\\\n]|\\.){6,600}"/gu) ?? [];
  return quotes.flatMap((quote) => {
    try {
      return [stripControls(String(JSON.parse(quote)))];
    } catch {
      return [quote.slice(1, -1)];
    }
  });
}
