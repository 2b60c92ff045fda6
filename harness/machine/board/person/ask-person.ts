/** Asks a person over every way that there is (terminal, page), one act at a time; the first answer counts. */
import { formatDuration } from "../../../base/units.ts";
import { untilAborted } from "../../../base/until-aborted.ts";
import { type Act, ActSkipped, NobodyActed, type Person } from "./person.ts";

export type Answer = "done" | "skip";

/** A way to a person. */
export interface AskWay {
  /** Shows the act. `answer` is called at most once with what they say. Returns what takes the question back; that never throws. */
  show(act: Act, answer: (answer: Answer) => void): () => void;
}

export interface PersonOptions {
  /** At least one. */
  readonly ways: readonly AskWay[];
}

/** A person behind these ways. */
export function createPerson({ ways }: PersonOptions): Person {
  let last: Promise<unknown> = Promise.resolve();
  const ask = async (act: Act, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    const answer = await firstAnswer(ways, act, signal);
    if (answer === "skip")
      throw new ActSkipped(`A person skipped what board '${act.board}' needs: "${act.what}"`);
  };
  return {
    ask(act, signal) {
      const turn = last.then(() => ask(act, signal));
      last = turn.catch(() => undefined);
      // Who gives up does not wait for the act of another board.
      const answer = untilAborted(turn, signal);
      answer.catch(() => undefined);
      return answer;
    },
  };
}

/** The same person, while who is asked or waits for their turn no clock runs but the act's own. `pause` stops one until what it returns is called. */
export const offTheClock = (person: Person, pause: (() => () => void) | undefined): Person =>
  pause === undefined
    ? person
    : {
        async ask(act, signal) {
          const goOn = pause();
          try {
            await person.ask(act, signal);
          } finally {
            goOn();
          }
        },
      };

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

const nobody = ({ board, place, what, timeoutMs }: Act): NobodyActed =>
  new NobodyActed(
    `Nobody did within ${formatDuration(timeoutMs)} what board '${board}' needs: "${what}"`,
    {
      details: {
        ...(place === undefined ? {} : { place }),
        "to do":
          "start the run when somebody is there, or give 'personMinutes' in boards.yaml more time",
      },
    },
  );
