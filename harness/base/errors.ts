/**
 * Every error a person may read. The class says whose fault it is: the image's (`failed`), the host's or ours
 * (`broken`), or the caller's (`usage`). A message is: line 1 = subject, fact, budget; then labelled lines; the last
 * line says where to look.
 */
import type { ErrorReport, Outcome } from "./outcome.ts";
import { maskSecrets } from "./secrets.ts";

export interface ErrorOptions {
  readonly cause?: unknown;
  /** Labelled lines below the headline, for example `{ "last try": "connect ECONNREFUSED" }`. */
  readonly details?: Readonly<Record<string, string | undefined>>;
  /** Where to look next: a file, a command. Printed last. */
  readonly lookAt?: string | undefined;
}

/** A headline of which some words are the guest's. */
export interface QuotingHeadline {
  readonly text: string;
  /** The text with an ellipsis for everything that is quoted. */
  readonly ownWords: string;
}

export type Headline = string | QuotingHeadline;

/**
 * A headline that quotes the guest: each `${}` is something that the guest said. Known failures are looked for in the
 * words around it only, so each part of a headline that came from a guest has to come through here.
 */
export function quoting(
  parts: TemplateStringsArray,
  ...said: readonly (string | number)[]
): QuotingHeadline {
  const join = (words: readonly (string | number)[]): string =>
    parts.reduce((line, part, index) => `${line}${words[index - 1]}${part}`);
  return { text: join(said), ownWords: join(said.map(() => "…")) };
}

/** Base of all of bootgate's own errors. */
export abstract class BootgateError extends Error {
  abstract readonly blame: "image" | "host" | "caller";
  readonly headline: string;
  /** The headline without what it quotes of the guest. */
  readonly ownWords: string;
  readonly details: Readonly<Record<string, string | undefined>>;
  readonly lookAt: string | undefined;

  constructor(headline: Headline, options: ErrorOptions = {}) {
    const { text, ownWords } =
      typeof headline === "string" ? { text: headline, ownWords: headline } : headline;
    const masked = withoutSecrets(options);
    const line = maskSecrets(text);
    super(layOut(line, masked), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.headline = line;
    this.ownWords = maskSecrets(ownWords);
    this.details = masked.details ?? {};
    this.lookAt = masked.lookAt;
  }
}

/** What is told beside a headline, with addresses masked. */
function withoutSecrets({ details, lookAt }: ErrorOptions): ErrorOptions {
  const rows = Object.entries(details ?? {}).map(([label, text]) => [
    label,
    text === undefined ? undefined : maskSecrets(text),
  ]);
  return {
    ...(details === undefined ? {} : { details: Object.fromEntries(rows) }),
    ...(lookAt === undefined ? {} : { lookAt: maskSecrets(lookAt) }),
  };
}

function layOut(headline: string, { details = {}, lookAt }: ErrorOptions): string {
  const rows = Object.entries({ ...details, "look at": lookAt });
  const lines = rows.flatMap(([label, text]) =>
    text === undefined
      ? []
      : [`  ${label.padEnd(10)} ${text.replaceAll("\n", `\n${" ".repeat(13)}`)}`],
  );
  return [headline, ...lines].join("\n");
}

/** The image did not do what the scenario claims. */
export class ExpectationFailed extends BootgateError {
  readonly blame = "image" as const;
}

/** A command that had to succeed in the guest did not. */
export class CommandFailed extends BootgateError {
  readonly blame = "image" as const;
}

/** The image did not boot, with proof from the console. `stage` is the last boot stage reached. */
export class BootFailed extends BootgateError {
  readonly blame = "image" as const;
  readonly stage: string;
  /** Name of what ended the boot (`FatalLine.pattern`), where the console or the machine told it. */
  readonly pattern: string | null;
  constructor(
    headline: Headline,
    options: ErrorOptions & { readonly stage: string; readonly pattern?: string },
  ) {
    super(headline, options);
    this.stage = options.stage;
    this.pattern = options.pattern ?? null;
  }
}

/** A time limit set for the guest ran out while the harness itself was well. */
export class GuestTooSlow extends BootgateError {
  readonly blame = "image" as const;
}

/** This host cannot do what was asked: a tool, firmware, memory or disk space is missing. */
export class HostUnfit extends BootgateError {
  readonly blame = "host" as const;
}

/** The machine under the guest misbehaved: QEMU died, the console never said a byte, a monitor did not answer. */
export class MachineFault extends BootgateError {
  readonly blame = "host" as const;
}

/** The connection to the guest was lost and nothing shows that the image is to blame. */
export class GuestLost extends BootgateError {
  readonly blame = "host" as const;
}

/** Nothing shows whose fault it is: it may have worked, and nothing can be asked that would tell. */
export class CannotTell extends BootgateError {
  readonly blame = "host" as const;
}

/** Time ran out for reasons that are ours: the run's deadline, or an interruption. */
export class RunStopped extends BootgateError {
  readonly blame = "host" as const;
  /** Time that is left for evidence, the end of machines and reports, milliseconds; null where nobody kept any. */
  readonly wrapUpMs: number | null;
  constructor(headline: Headline, options: ErrorOptions & { readonly wrapUpMs?: number } = {}) {
    super(headline, options);
    this.wrapUpMs = options.wrapUpMs ?? null;
  }
}

/** The command line or a configuration file is wrong. Exit code 2. */
export class UsageError extends BootgateError {
  readonly blame = "caller" as const;
}

/**
 * The error that really happened. A disposer that throws while another error is on its way wraps it in a
 * SuppressedError whose `.suppressed` is the first one; that is the one to report.
 */
export function firstError(error: unknown): unknown {
  let current = error;
  while (current instanceof Error && "suppressed" in current && current.suppressed !== undefined) {
    current = current.suppressed;
  }
  return current;
}

/** The words of any thrown value. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

/** Any thrown value as plain data. Of an error that is not ours nobody knows which words a guest put into it. */
export function reportError(thrown: unknown): ErrorReport {
  const error = firstError(thrown);
  if (!(error instanceof Error)) {
    const text = maskSecrets(String(error));
    return { type: "Unknown", headline: text, ownWords: "", message: text };
  }
  const isOurs = error instanceof BootgateError;
  const message = maskSecrets(error.message);
  const headline = isOurs ? error.headline : (message.split("\n")[0] ?? error.name);
  const ownWords = isOurs ? error.ownWords : "";
  return {
    type: error.name,
    headline,
    ...(ownWords === headline ? {} : { ownWords }),
    message,
    ...(error instanceof BootFailed ? { stage: error.stage } : {}),
    ...(error.stack === undefined || isOurs ? {} : { stack: maskSecrets(error.stack) }),
  };
}

/** The outcome a thrown value stands for. What is not one of our image errors is `broken`: we cannot tell. */
export function outcomeOf(thrown: unknown): Outcome {
  const error = firstError(thrown);
  const blamesImage = error instanceof BootgateError && error.blame === "image";
  return { kind: blamesImage ? "failed" : "broken", error: reportError(error) };
}

/** What is told in addition when an error is told a second time. */
export interface Retelling extends Pick<ErrorOptions, "details" | "lookAt"> {
  /** A sentence behind the headline. */
  readonly headline: string;
}

/** The same error with more words. Its class stays, so the blame does. */
export function retell<E extends BootgateError>(error: E, given: Retelling): E {
  const more = { ...withoutSecrets(given), headline: maskSecrets(given.headline) };
  const details = { ...error.details, ...more.details };
  const headline = `${error.headline} ${more.headline}`;
  const lookAt = error.lookAt ?? more.lookAt;
  const told = Object.create(
    Object.getPrototypeOf(error) as object,
    Object.getOwnPropertyDescriptors(error),
  ) as E;
  const ownWords = `${error.ownWords} ${more.headline}`;
  const message = layOut(headline, { details, ...(lookAt === undefined ? {} : { lookAt }) });
  return Object.assign(told, { headline, ownWords, details, lookAt, message, cause: error });
}
