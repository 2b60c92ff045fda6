/** How long `bootgate list` takes, started directly and through npm, beside what Node and npm take by themselves. */
import { HostUnfit } from "../../harness/base/errors.ts";
import type { Bench } from "./bench-context.ts";
import { bootgateArgs, timeCommand } from "./command.ts";
import { type Figure, figure, type Goal } from "./figure.ts";

const repetitions = 10;
const goal: Goal = { atMost: 0.4 };

interface Row {
  readonly name: string;
  readonly says: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly goal?: Goal;
}

const rows: readonly Row[] = [
  {
    name: "list.direct",
    says: "bootgate list",
    file: process.execPath,
    args: [...bootgateArgs, "list"],
    goal,
  },
  {
    name: "list.npm",
    says: "npm run -s bootgate -- list",
    file: "npm",
    args: ["run", "-s", "bootgate", "--", "list"],
    goal,
  },
  { name: "list.npm-alone", says: "  of it: npm alone", file: "npm", args: ["--version"] },
  {
    name: "list.node-alone",
    says: "  of it: Node alone",
    file: process.execPath,
    args: ["-e", "0"],
  },
];

/** One of each in turn, so that a busy moment of the host falls on all alike. The first round fills caches and is not counted. */
export const startUp: Bench = {
  name: "list",
  summary: "start-up of 'bootgate list'",
  boots: false,
  async measure({ signal }): Promise<Figure[]> {
    const samples = new Map<string, number[]>(rows.map(({ name }) => [name, []]));
    for (let round = 0; round <= repetitions; round++) {
      for (const { name, file, args } of rows) {
        const { seconds, exitCode, stderr } = await timeCommand(file, args, signal);
        if (exitCode !== 0)
          throw new HostUnfit(`'${file} ${args.join(" ")}' ended with exit code ${exitCode}.`, {
            details: { said: stderr.slice(-1000) },
          });
        if (round > 0) samples.get(name)?.push(seconds);
      }
    }
    return rows.map(({ name, says, goal: wanted }) =>
      figure({
        name,
        says,
        unit: "s",
        samples: samples.get(name) ?? [],
        ...(wanted === undefined ? {} : { goal: wanted }),
      }),
    );
  },
};
