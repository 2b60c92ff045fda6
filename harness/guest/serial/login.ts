/**
 * From whatever stands on a serial console to a shell that listens: a getty's prompt, a question for a password, a shell that is
 * there already. What a prompt looks like is only a hint; that a shell listens is proved by words that only a shell can say.
 */
import { randomBytes } from "node:crypto";
import type { MachineFault } from "../../base/errors.ts";
import type { Secret } from "../../base/secrets.ts";
import { keys } from "../../machine/console/keys.ts";
import { isLoginPrompt } from "../../machine/console/login-prompt.ts";
import { lacksWord, lessons, loaderLine, readyWord } from "./agent.ts";
import { type LineConsole, SerialLine } from "./serial-line.ts";

/** Who logs in where the console asks for it. */
export interface SerialAccount {
  readonly user: string;
  /** Null: an account without one, or a console that logs it in by itself. */
  readonly password: Secret | null;
}

export interface LoginOptions {
  readonly console: LineConsole & { said(count: number): readonly string[] };
  readonly account: SerialAccount;
  /** 1 with hardware acceleration. */
  readonly scale: number;
  readonly signal: AbortSignal;
}

/** `why`: what stands in the way, as the end of a sentence. `lacks`: programs that the guest does not have. `fault`: the machine cannot be typed at. */
export type LoginResult =
  | { readonly line: SerialLine }
  | { readonly why: string; readonly lacks?: readonly string[]; readonly fault?: MachineFault };

/** For a reaction to what was typed. Milliseconds, scaled. */
const reactMs = 4000;
/** A refused login is answered late on purpose (pam_faildelay(8)). Milliseconds, scaled. */
const passwordMs = 8000;

const asksPassword = /password(?: for [^:]{1,64})?: *$/i;
const refused = /login incorrect|authentication failure|permission denied|account (?:is )?locked/i;

/** What the last row of the console asks for. */
type Standing = "login" | "password" | "shell" | "other";

const standingOf = (row: string): Standing => {
  if (asksPassword.test(row)) return "password";
  if (isLoginPrompt(row)) return "login";
  return /[#$>%] *$/.test(row) ? "shell" : "other";
};

/** Rows that may stand below a prompt: words of the kernel that came after it. */
const lookedBack = 12;

const standingAmong = (rows: readonly string[]): Standing =>
  rows.map(standingOf).findLast((one) => one !== "other") ?? "other";

/** Whether the console shows something that can be typed at. */
export const showsPrompt = (rows: readonly string[]): boolean => standingAmong(rows) !== "other";

/** Tries once to come to a shell. Rejects with the abort reason only. The line is the caller's to close. */
export async function logIn(options: LoginOptions): Promise<LoginResult> {
  const { console, scale, signal, account } = options;
  const nonce = `bg${randomBytes(5).toString("hex")}`;
  const line = new SerialLine(console, nonce, scale);
  const result = await new Login(line, options).run(account).catch((error: unknown) => {
    line.close("the login was given up");
    throw error;
  });
  if (!("why" in result)) return result;
  line.close(result.why);
  signal.throwIfAborted();
  return line.fault === null ? result : { ...result, fault: line.fault };
}

class Login {
  readonly #line: SerialLine;
  readonly #options: LoginOptions;
  /** What was said since the last thing was typed. */
  #heard = "";

  constructor(line: SerialLine, options: LoginOptions) {
    this.#line = line;
    this.#options = options;
    line.onBytes((bytes) => {
      this.#heard = (this.#heard + Buffer.from(bytes).toString("latin1")).slice(-16_384);
    });
  }

  async run(account: SerialAccount): Promise<LoginResult> {
    let standing = standingAmong(this.#options.console.said(lookedBack));
    // A getty that is sent the interrupt key waits for ten seconds before it goes (agetty.c, `exit_slowly`), so Enter comes first.
    if (standing === "other") standing = await this.#enter(keys.enter);
    // What does not react is a shell of an earlier login, or a program that reads.
    if (standing === "other") standing = await this.#enter(`${keys.interrupt}${keys.enter}`);
    if (standing === "password") standing = await this.#enter(keys.enter, passwordMs);
    if (standing === "login") {
      const after = await this.#enter(`${account.user}${keys.enter}`);
      if (after === "password") {
        if (account.password === null)
          return { why: `the console asks for the password of '${account.user}'` };
        await this.#enter(`${account.password.reveal()}${keys.enter}`, passwordMs);
      }
      if (refused.test(this.#heard))
        return { why: `the console does not let '${account.user}' in` };
    }
    return this.#teach();
  }

  /** Types, and waits until the console asks for something, or says what else it says. */
  async #enter(text: string, ms = reactMs): Promise<Standing> {
    const { scale, signal } = this.#options;
    this.#heard = "";
    await this.#line.type(text);
    const look = (): Standing | undefined => {
      const standing = standingOf(this.#lastRow());
      return standing === "other" ? undefined : standing;
    };
    return (await this.#line.until(look, ms * scale, signal)) ?? "other";
  }

  #lastRow(): string {
    // Without escape codes, which shells colour their prompts by (ECMA-48, 5.4).
    const clean = this.#heard.replace(/\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07/g, "");
    return clean.split(/[\r\n]+/).at(-1) ?? "";
  }

  /** The shell takes the loop in one line, and its functions one by one, each of them checked. */
  async #teach(): Promise<LoginResult> {
    const { scale, signal } = this.#options;
    const { nonce } = this.#line;
    this.#heard = "";
    await this.#line.type(`${loaderLine(nonce)}${keys.enter}`);
    let answers = false;
    const stop = this.#line.onMessage(({ kind }) => {
      answers ||= kind === "answer";
    });
    const isReady = () => answers || this.#heard.includes(readyWord(nonce)) || undefined;
    let ready = await this.#line.until(isReady, reactMs * scale, signal);
    if (ready === undefined) {
      // Its word may have met another one on the line. The loop answers an empty line too.
      await this.#line.type("\n");
      ready = await this.#line.until(isReady, (reactMs / 4) * scale, signal);
    }
    stop();
    if (ready === undefined)
      return { why: this.#line.whyClosed ?? "nothing on the console behaves like a shell" };
    const lacks = [...this.#heard.matchAll(new RegExp(`${lacksWord(nonce)}(\\w+)`, "g"))].map(
      ([, name = ""]) => name,
    );
    if (lacks.length > 0) return { why: `the guest does not have ${lacks.join(", ")}`, lacks };
    for (const [index, lesson] of lessons.entries()) {
      const isLearnt = ([word, number]: readonly string[]) =>
        (word === "ok" && number === `${index}`) || undefined;
      const say = `printf "%s %s = %s\\n" $n "ok ${index}" "ok ${index}"`;
      if (!(await this.#line.ask(`${lesson};${say}`, isLearnt, signal)))
        return { why: this.#line.whyClosed ?? "the shell does not answer" };
    }
    return { line: this.#line };
  }
}
