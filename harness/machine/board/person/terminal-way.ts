/** A person at the terminal: the act in plain words, a bell, and Enter when it is done. */
import { createInterface } from "node:readline";
import { formatDuration } from "../../../base/units.ts";
import type { AskWay } from "./ask-person.ts";

export interface TerminalStreams {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** What comes sooner after the question was typed before anybody can have read it. Milliseconds; default 1000. */
  readonly readMs?: number;
}

const bell = "\u0007";

/** Asks on these streams, which have to be a terminal: what is piped in was not written as an answer. */
export const terminalWay = ({ input, output, readMs = 1000 }: TerminalStreams): AskWay => ({
  show({ what, place, timeoutMs }, answer) {
    const where = place === undefined ? "" : ` (${place})`;
    const help = `Press Enter when it is done, or type skip. ${formatDuration(timeoutMs)} are left.`;
    const lines = createInterface({ input, terminal: false });
    const askedAt = performance.now();
    let isAnswered = false;
    const say = (text: string): void => void output.write(text);
    say(`${bell}\n>>> ${what}${where}\n    ${help} `);
    lines.on("line", (line) => {
      const word = line.trim().toLowerCase();
      if (isAnswered) return;
      if (performance.now() - askedAt < readMs) {
        say(`    That came too soon to be an answer to this. ${help} `);
        return;
      }
      if (word !== "" && word !== "done" && word !== "skip") {
        say(`    '${word.slice(0, 40)}' is not an answer. ${help} `);
        return;
      }
      isAnswered = true;
      answer(word === "skip" ? "skip" : "done");
    });
    return () => {
      lines.close();
      if (!isAnswered) say("\n    No longer needed.\n");
    };
  },
});
