/** Writes an image onto a card, reads all of it back past the cache, and names what a card can do wrong: ignore, corrupt, vanish. */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { BootgateError, MachineFault, messageOf, UsageError } from "../../../base/errors.ts";
import { exists } from "../../../base/exists.ts";
import { formatBytes } from "../../../base/units.ts";
import { type CardNonce, newNonce, nonceSector, placeForNonce } from "./card-nonce.ts";
import type { CardStore } from "./card-store.ts";

export interface WriteCardOptions {
  /** The image, a raw disk. */
  readonly image: string;
  readonly board: string;
  readonly card: CardStore;
  readonly signal: AbortSignal;
  /** Parts done, from 0 to 1, of writing and then of reading back. */
  readonly onProgress?: (phase: "write" | "read", part: number) => void;
}

export interface WrittenCard {
  /** sha256 of the image, in hex: what the card was proved to hold, but for the mark. */
  readonly sha256: string;
  readonly bytes: number;
  /** Bytes that had to be written; what the card had as zeros already was left. */
  readonly writtenBytes: number;
  /** The mark that the booted system has to show; null where the image has no room for one. */
  readonly nonce: CardNonce | null;
}

const block = 4 * 1024 * 1024;
const headBytes = 2 * block;
/** Of every so many blocks one is read before it is written, to tell a card that ignores writes from one that corrupts them. */
const sampleEvery = 32;

/** Writes and proves. Throws UsageError for an image that does not fit or changes meanwhile, MachineFault for what the card does. */
export async function writeCard(options: WriteCardOptions): Promise<WrittenCard> {
  const { image, card, board } = options;
  await using file = await open(image, "r");
  const { size } = await file.stat();
  if (size === 0 || size % 512 !== 0)
    throw new UsageError(`The image '${image}' is not a raw disk: it has ${size} bytes.`);
  if (size > card.bytes)
    throw new UsageError(
      `The image '${image}' (${formatBytes(size)}) does not fit on the card of board '${board}' (${formatBytes(card.bytes)}).`,
    );
  const place = placeForNonce(await readFully(file, Math.min(size, headBytes), 0));
  const nonce = place === null ? null : newNonce(place);
  const before = new Map<number, string>();
  const { sha256, writtenBytes } = await writeAll({ ...options, file, size, nonce, before });
  await proveAll({ ...options, file, size, nonce, before, sha256 });
  return { sha256, bytes: size, writtenBytes, nonce };
}

interface Work extends WriteCardOptions {
  readonly file: FileHandle;
  readonly size: number;
  readonly nonce: CardNonce | null;
  /** Digests of what some blocks had before they were written, by their place. */
  readonly before: Map<number, string>;
}

async function writeAll(work: Work): Promise<{ sha256: string; writtenBytes: number }> {
  const { card, size, signal, onProgress, before } = work;
  const hash = createHash("sha256");
  let writtenBytes = 0;
  for (let at = 0, index = 0; at < size; at += block, index++) {
    signal.throwIfAborted();
    const bytes = await readFully(work.file, Math.min(block, size - at), at);
    hash.update(bytes);
    const wanted = marked(bytes, at, work.nonce);
    const isZero = isAllZero(wanted);
    try {
      const old = isZero || index % sampleEvery === 0 ? await card.read(wanted.length, at) : null;
      const isThere = old?.equals(wanted) === true;
      if (!(isZero && isThere)) {
        if (old !== null && !isThere) before.set(at, digestOf(old));
        await card.write(wanted, at);
        writtenBytes += wanted.length;
      }
    } catch (cause) {
      throw await trouble(work, cause, `while it was written, at ${formatBytes(at)}`);
    }
    onProgress?.("write", Math.min(1, (at + block) / size));
  }
  try {
    await card.flush();
  } catch (cause) {
    throw await trouble(work, cause, "while its last bytes were written");
  }
  return { sha256: hash.digest("hex"), writtenBytes };
}

/** Compares each block, since the place of the first difference says more than two digests. */
async function proveAll(work: Work & { readonly sha256: string }): Promise<void> {
  const { card, size, signal, onProgress } = work;
  const again = createHash("sha256");
  const wrong: number[] = [];
  let kept = 0;
  let at = 0;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const judge = async (): Promise<void> => {
    const found = Buffer.concat(pending);
    pending = [];
    pendingBytes = 0;
    const source = await readFully(work.file, found.length, at);
    again.update(source);
    const wanted = marked(source, at, work.nonce);
    if (!found.equals(wanted)) {
      wrong.push(at);
      if (work.before.get(at) === digestOf(found)) kept++;
    }
    at += found.length;
    onProgress?.("read", at / size);
  };
  try {
    for await (const chunk of card.readBack(size, signal)) {
      for (let from = 0; from < chunk.length; ) {
        const part = chunk.subarray(from, from + block - pendingBytes);
        pending.push(part);
        pendingBytes += part.length;
        from += part.length;
        if (pendingBytes === block) await judge();
      }
    }
    if (pendingBytes > 0) await judge();
  } catch (cause) {
    throw await trouble(work, cause, `while it was read back, at ${formatBytes(at)}`);
  }
  if (at < size)
    throw new MachineFault(
      `The card of board '${work.board}' ends at ${formatBytes(at)} when it is read back; ${formatBytes(size)} were written.`,
      { details: { "may be": "a card with a false size, or one that is worn" } },
    );
  if (again.digest("hex") !== work.sha256)
    throw new UsageError(`The image '${work.image}' changed while it was written.`, {
      details: { "to do": "write it again when nothing else writes to it" },
    });
  if (wrong.length > 0) throw lies(work, wrong, kept);
}

function lies({ board, card, size }: Work, wrong: readonly number[], kept: number): MachineFault {
  const details = {
    card: card.path,
    "to do": "use another card; this one cannot be trusted",
  };
  if (kept > 0)
    return new MachineFault(
      `The card of board '${board}' ignores writes: it takes them and keeps what it had.`,
      { details: { ...details, "may be": "a worn card, or one whose lock switch is on" } },
    );
  const blocks = Math.ceil(size / block);
  return new MachineFault(
    `The card of board '${board}' does not hold what was written: ${wrong.length} of ${blocks} blocks differ, the first at ${formatBytes(wrong[0] ?? 0)}.`,
    { details },
  );
}

async function trouble(
  { board, card, signal }: Work,
  cause: unknown,
  when: string,
): Promise<unknown> {
  if (signal.aborted) return signal.reason;
  const isThere = await exists(card.path);
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  if (!isThere || ["ENODEV", "ENXIO", "ENOMEDIUM"].includes(code))
    return new MachineFault(`The card of board '${board}' vanished ${when}.`, {
      cause,
      details: { card: card.path, "to do": "see the reader, its cable and the card's contacts" },
    });
  if (cause instanceof BootgateError) return cause;
  return new MachineFault(`The card of board '${board}' failed ${when}: ${messageOf(cause)}.`, {
    cause,
    details: { card: card.path },
  });
}

/** The bytes as they are to lie on the card. */
function marked(bytes: Buffer, at: number, nonce: CardNonce | null): Buffer {
  if (nonce === null || nonce.at < at || nonce.at >= at + bytes.length) return bytes;
  const copy = Buffer.from(bytes);
  nonceSector(nonce).copy(copy, nonce.at - at);
  return copy;
}

const digestOf = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const zeros = Buffer.alloc(block);
const isAllZero = (bytes: Buffer): boolean => bytes.equals(zeros.subarray(0, bytes.length));

async function readFully(file: FileHandle, length: number, at: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, at + done);
    if (bytesRead === 0) throw new UsageError("The image became shorter while it was read.");
    done += bytesRead;
  }
  return buffer;
}
