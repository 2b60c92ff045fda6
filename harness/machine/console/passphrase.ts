/**
 * The question for a disk's passphrase, where the harness knows it: when to type it, and whether it was refused. Pure. The
 * same question on a later line is a refusal; another one is about another disk.
 */
import type { ConsoleLine } from "./console-lines.ts";
import type { FatalPattern } from "./console-pattern.ts";

/**
 * systemd-ask-password(1), plymouth, initramfs-tools and GRUB, whose questions end with a colon or with how to hide what
 * is typed. A PIN, a recovery key and a token are something else.
 */
const question =
  /(?:(?:enter|unlock) .{0,300}(?:passphrase|disk|volume)|password is required to access) ?.{0,300}:|: ?\(press TAB for no echo\)/i;
const otherSecret = /\bPIN\b|\btoken\b|\brecovery key\b/i;

/**
 * A program writes its question before it switches the echo of its terminal off (systemd, ask-password-api.c), so what is
 * typed at once would be shown. Milliseconds without a byte, and at most, both stretched by the machine's patience.
 */
const quietMs = 700;
const latestMs = 8000;

/** More questions in one boot than this come from something that asks without end. */
const questionsAtMost = 8;

/** What a refusal shows: that the disk is not opened by what was typed, and not whose fault that is. */
export const refusedPassphrase: FatalPattern = {
  name: "passphrase-refused",
  regex: question,
  meaning: "the passphrase that was typed does not open its disk, which asks for it again",
  proof: "doubtful",
  howTo: "name the passphrase that the kickstart has by --passphrase-file",
};

/** What a question turns out to be: `waits` for its answer, `refused` the one it got, or is `nobody's` to answer. */
export type PassphraseWord = "waits" | "refused" | "nobody's";

export class PassphraseQuestion {
  readonly #isKnown: boolean;
  readonly #patience: number;
  #open: { readonly subject: string; readonly lineNumber: number; readonly atMs: number } | null =
    null;
  /** Subject of each question that was answered, and the line it stood on. */
  readonly #answered = new Map<string, number>();

  constructor({
    knowsPassphrase,
    patience,
  }: {
    readonly knowsPassphrase?: boolean;
    readonly patience: number;
  }) {
    this.#isKnown = knowsPassphrase === true;
    this.#patience = patience;
  }

  /** A boot begins. */
  begin(): void {
    this.#open = null;
    this.#answered.clear();
  }

  /** Takes a line that asks for something; a line is seen again with each byte that is added to it. */
  asked({ text, lineNumber }: ConsoleLine, atMs: number): PassphraseWord {
    if (!this.#isKnown || !question.test(text) || otherSecret.test(text)) return "nobody's";
    const subject = subjectOf(text);
    const answered = this.#answered.get(subject);
    if (answered !== undefined) {
      // What it showed meanwhile was not a question of its own: plymouth writes one again with a star for each key.
      this.#open = null;
      return answered === lineNumber ? "waits" : "refused";
    }
    if (this.#answered.size >= questionsAtMost) return "nobody's";
    if (this.#open?.lineNumber !== lineNumber) this.#open = { subject, lineNumber, atMs };
    return "waits";
  }

  /** Somebody else asks from here on: a login, an emergency shell. */
  drop(): void {
    this.#open = null;
  }

  /** Whether the passphrase is to be typed now; true once for a question. */
  isDue(atMs: number, lastByteMs: number): boolean {
    if (this.#open === null) return false;
    const { subject, lineNumber, atMs: since } = this.#open;
    const isQuiet = atMs - lastByteMs >= quietMs * this.#patience;
    if (!isQuiet && atMs - since < latestMs * this.#patience) return false;
    this.#answered.set(subject, lineNumber);
    this.#open = null;
    return true;
  }
}

/** What is asked for, without what stands for typed characters (stars, or bullets) and without the hint. */
const subjectOf = (text: string): string =>
  (text.split(/\(press TAB|\*/, 1)[0] ?? "").replace(/[^\x21-\x7e]+/g, " ").trim();
