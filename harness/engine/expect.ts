/** Expectations for scenarios. A scenario states a claim; what does not hold is the image's fault and says expected and got. */
import { isDeepStrictEqual } from "node:util";
import { ExpectationFailed, type Headline } from "../base/errors.ts";

const show = (value: unknown): string =>
  (typeof value === "string" ? `'${value}'` : (JSON.stringify(value) ?? String(value))).slice(
    0,
    2000,
  );

/** Throws ExpectationFailed unless both values are deeply equal. `what` is the subject of the sentence. */
export function expectEqual<T>(what: string, got: T, expected: T): void {
  if (isDeepStrictEqual(got, expected)) return;
  throw new ExpectationFailed(`${what} is not as expected.`, {
    details: { expected: show(expected), got: show(got) },
  });
}

/** Throws ExpectationFailed with `sentence` unless `holds`. A sentence that quotes the guest is written with `quoting`. */
export function expectThat(
  holds: boolean,
  sentence: Headline,
  details: Readonly<Record<string, string | undefined>> = {},
): asserts holds {
  if (!holds) throw new ExpectationFailed(sentence, { details });
}
