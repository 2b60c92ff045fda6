/**
 * How one command travels over the root channel. The guest's side is a plain `/bin/sh` that reads lines: each command is
 * one line that starts a runner of its own and names the frame it answers in by a nonce. Output comes in base64, so
 * nothing that a command prints can end its frame, and the command itself has no hold of the port.
 *
 *     NONCE<  base64 of stdout  :  base64 of stderr  >      with (exit code) anywhere between the marks
 *
 * The first program that an emulated fork starts costs it more than a tenth of a second, since all its code has to be
 * translated. So there are two cheaper frames for the harness's own questions, which start no program that is not asked for:
 * one without standard output, and one for the first line of a file, which comes as [line] in the place of its base64.
 */
import { quoteArgument as quote } from "../../base/quote.ts";

/**
 * What runs in a child of the guest's shell; descriptor 3 is the port. Standard output streams to the port, and the harness
 * hangs up on a command that says too much; standard error and the exit code wait in a variable until it has ended. Every
 * program that is started costs an emulated guest ten milliseconds, so a silent standard error is seen by `read` alone.
 */
const runner = (nonce: string, command: string, maxBytes: number): string =>
  [
    "exec 3>&1 >/dev/null 2>&1",
    `printf '\\n%s<' ${nonce} >&3`,
    `e=$({ { { (eval ${command}) 3>&- 4>&- 5>&- 6>&-; printf '(%s)' $? >&5; } 2>&4 | base64 -w 0 >&3; } 4>&1 5>&6 |` +
      ` if IFS= read -r l; then { printf '%s\\n' "$l"; cat; } | head -c ${maxBytes} | base64 -w 0;` +
      ` elif test -n "$l"; then printf %s "$l" | base64 -w 0; fi; } 6>&1)`,
    "printf ':%s>\\n' \"$e\" >&3",
  ].join("; ");

export interface FrameRequest {
  /** Letters and digits. */
  readonly nonce: string;
  readonly command: string;
  readonly input: string | undefined;
  readonly maxBytes: number;
}

/** The line that starts a command in the guest. It returns at once, so the shell sees it when the harness hangs up. */
export function startLine({ nonce, command, input, maxBytes }: FrameRequest): string {
  // One byte more than is kept tells that something was cut.
  const run = `{ ${runner(nonce, quote(command), maxBytes + 1)}; }`;
  const base64 = Buffer.from(input ?? "").toString("base64");
  return input === undefined
    ? `${run} </dev/null &\n`
    : `printf %s '${base64}' | base64 -d | ${run} &\n`;
}

/** The same for a command whose standard output nobody wants. */
export function silentLine({
  nonce,
  command,
  maxBytes,
}: Pick<FrameRequest, "nonce" | "command" | "maxBytes">): string {
  return [
    `{ e=$(eval ${quote(command)} 2>&1 >/dev/null)`,
    "c=$?",
    `test -z "$e" || e=$(printf '%s\\n' "$e" | head -c ${maxBytes + 1} | base64 -w 0)`,
    `printf '\\n%s<:%s(%s)>\\n' ${nonce} "$e" $c; } </dev/null 2>/dev/null &\n`,
  ].join("; ");
}

/** Reads the first line of a file in the guest's shell itself: no program, no process. For files of the kernel, which do not block. */
export const firstLineLine = (nonce: string, path: string): string =>
  `IFS= read -r l <${quote(path)}; printf '\\n%s<[%s]:(%s)>\\n' ${nonce} "$l" $?\n`;

/** Finds a mark in a stream that is cut anywhere, holding no more than the mark's length. */
export class MarkFinder {
  readonly #mark: string;
  #rest = "";

  constructor(mark: string) {
    this.#mark = mark;
  }

  /** What follows the mark, or null while it has not come. */
  feed(text: string): string | null {
    const all = this.#rest + text;
    const at = all.indexOf(this.#mark);
    this.#rest = all.slice(-this.#mark.length + 1);
    return at < 0 ? null : all.slice(at + this.#mark.length);
  }
}

/** Reads the frame of one nonce out of all that the port says. What the guest sends beyond the caps is not kept. */
export class FrameReader {
  readonly #start: MarkFinder;
  readonly #maxCharacters: number;
  #open = false;
  #streams: [string[], string[]] = [[], []];
  #sizes: [number, number] = [0, 0];
  #stream: 0 | 1 = 0;
  #code: string | null = null;
  /** A line that has begun and not ended. */
  #line: string | null = null;
  exitCode: number | null = null;
  ended = false;
  /** True when more came than the guest was asked to send, or what is not base64. */
  broken = false;

  constructor(nonce: string, maxBytes: number) {
    this.#start = new MarkFinder(`${nonce}<`);
    this.#maxCharacters = Math.ceil((maxBytes + 3) / 3) * 4;
  }

  /** Takes what the port said. */
  feed(text: string): void {
    const body = this.#open ? text : this.#start.feed(text);
    if (body === null || this.ended) return;
    this.#open = true;
    let from = 0;
    for (const { 0: mark, index } of body.matchAll(/[():>[\]]/g)) {
      this.#take(body.slice(from, index));
      from = index + 1;
      this.#mark(mark);
      if (this.ended) return;
    }
    this.#take(body.slice(from));
  }

  #mark(mark: string): void {
    if (mark === "(") this.#code = "";
    if (mark === ")") {
      if (/^\d{1,3}$/.test(this.#code ?? "")) this.exitCode = Number(this.#code);
      this.#code = null;
    }
    if (mark === "[") this.#line = "";
    if (mark === "]") this.#endLine();
    if (mark === ":") this.#stream = 1;
    if (mark === ">") this.ended = true;
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = null;
    // It takes the place of a whole stream: what stands before it would end in the middle of its base64.
    if (line === null || this.#sizes[this.#stream] > 0) this.broken = true;
    else this.#take(Buffer.from(`${line}\n`, "latin1").toString("base64"));
  }

  #take(text: string): void {
    if (text === "") return;
    if (this.#line !== null) {
      this.#line = (this.#line + text).slice(0, this.#maxCharacters);
      return;
    }
    if (this.#code !== null) {
      this.#code = (this.#code + text).slice(0, 8);
      return;
    }
    const room = this.#maxCharacters - this.#sizes[this.#stream];
    if (text.length > room || !/^[A-Za-z0-9+/=]*$/.test(text)) this.broken = true;
    const kept = text.slice(0, room);
    this.#sizes[this.#stream] += kept.length;
    this.#streams[this.#stream].push(kept);
  }

  /** Bytes of standard output so far. */
  get stdoutBytes(): number {
    const padding = /={0,2}$/.exec(this.#streams[0].at(-1) ?? "")?.[0].length ?? 0;
    return Math.floor(this.#sizes[0] / 4) * 3 - padding;
  }

  bytes(stream: 0 | 1): Buffer {
    return Buffer.from(this.#streams[stream].join(""), "base64");
  }
}
