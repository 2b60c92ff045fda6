/** What a console waits with: the end of a boot as a promise, and a look that may take its time. */

/** How long a look at the screen may take before it counts as none. Milliseconds. */
const lookMs = 30_000;

export interface FatalPromise {
  readonly promise: Promise<never>;
  readonly reject: (error: Error) => void;
}

/** One for each boot. */
export function newFatalPromise(): FatalPromise {
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<never>((_, no) => {
    reject = no;
  });
  // Nobody has to be waiting when a boot ends badly; an unobserved rejection must not end the harness.
  promise.catch(() => undefined);
  return { promise, reject };
}

/** The answer, or null when it fails or takes too long. */
export async function inTime(answer: Promise<boolean | null>): Promise<boolean | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), lookMs);
  });
  try {
    return await Promise.race([answer, late]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
