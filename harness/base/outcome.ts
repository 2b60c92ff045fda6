/**
 * How a job ended. Four kinds and no more, so that an image's fault is never mixed up with the host's.
 * The class of an error decides the kind (see errors.ts), never its text.
 */
export type Outcome =
  | { readonly kind: "passed" }
  | { readonly kind: "failed"; readonly error: ErrorReport }
  | { readonly kind: "broken"; readonly error: ErrorReport }
  | { readonly kind: "skipped"; readonly reason: string };

export type OutcomeKind = Outcome["kind"];

/** An error as plain data: what events carry and reports print. */
export interface ErrorReport {
  /** Name of the error class, for example `BootFailed`. */
  readonly type: string;
  /** First line: subject, fact, budget. */
  readonly headline: string;
  /** The headline without what it quotes of the guest; left out where it quotes nothing. */
  readonly ownWords?: string;
  /** The whole message, labelled lines included. */
  readonly message: string;
  /** Boot stage reached, where a boot failed. */
  readonly stage?: string;
  readonly stack?: string;
}
