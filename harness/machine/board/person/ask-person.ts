/** Asks a person over every way that there is (terminal, page), one act at a time; the first answer counts. */
import { CannotTell, MachineFault } from "../../../base/errors.ts";
import { formatDuration } from "../../../base/units.ts";
import type { Act, Person } from "./person.ts";

export type Answer = "done" | "skip";

/** A way to a person. */
export interface AskWay {
  /** Shows the act. `answer` is called at most once with what they say. Returns what takes the question back; that never throws. */
  show(act: Act, answer: (answer: Answer) => void): () => void;
}

export interface PersonOptions {
  /** At least one. */
  readonly ways: readonly AskWay[];
  /** Told when somebody is waited for, and when no longer: a job's own time stands still meanwhile. */
  readonly onWaiting?: (isWaiting: boolean) => void;
}

/** A person behind these ways. */
export function createPerson({ ways, onWaiting }: PersonOptions): Person {
  let last: Promise<unknown> = Promise.resolve();
  const ask = async (act: Act, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    onWaiting?.(true);
    try {
      const answer = await firstAnswer(ways, act, signal);
      if (answer === "skip")
        throw new CannotTell(`A person skipped what board '${act.board}' needs: "${act.what}"`);
    } finally {
      onWaiting?.(false);
    }
  };
  return {
    ask(act, signal) {
      const turn = last.then(() => ask(act, signal));
      last = turn.catch(() => undefined);
      return turn;
    },
  };
}

async function firstAnswer(
  ways: readonly AskWay[],
  act: Act,
  signal: AbortSignal,
): Promise<Answer> {
  const withdraw: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let onAbort = (): void => undefined;
  try {
    return await new Promise<Answer>((resolve, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      timer = setTimeout(() => reject(nobody(act)), act.timeoutMs);
      for (const way of ways) withdraw.push(way.show(act, resolve));
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    for (const takeBack of withdraw) takeBack();
  }
}

const nobody = ({ board, place, what, timeoutMs }: Act): MachineFault =>
  new MachineFault(
    `Nobody did within ${formatDuration(timeoutMs)} what board '${board}' needs: "${what}"`,
    {
      details: {
        ...(place === undefined ? {} : { place }),
        "to do":
          "start the run when somebody is there, or give 'personMinutes' in boards.yaml more time",
      },
    },
  );
