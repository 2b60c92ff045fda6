// How a promise failed, in the words and with the blame that a report would show.
import { messageOf, outcomeOf } from "../../../harness/base/errors.ts";

/** The error of a promise as people read it, with whose fault it is. */
export async function failureOf(work: Promise<unknown>): Promise<{ kind: string; text: string }> {
  const error = await work.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  const name = error instanceof Error ? error.name : "";
  const text = messageOf(error);
  return { kind: `${outcomeOf(error).kind} ${name}`, text };
}
