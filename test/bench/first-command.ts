/**
 * The lever of the whole harness: first command of a fork, over SSH and over the root channel, against that of a cold boot. Pairs alternate, so that an
 * hour in which the host is slow makes both slow.
 */
import { HostUnfit } from "../../harness/base/errors.ts";
import { channelOf } from "../../harness/guest/channel/channel-of.ts";
import { bootIdPath } from "../../harness/guest/commands.ts";
import type { TransportKind } from "../../harness/guest/transport.ts";
import type { Bench } from "./bench-context.ts";
import { type Figure, figure, median } from "./figure.ts";
import { type Lab, openLab } from "./lab.ts";

const forksPerPair = 3;

/** Seconds from asking for a machine to the end of its first command. The machine's end is not counted. */
async function firstCommand(
  lab: Lab,
  start: "cold" | "fork",
  name: string,
  transport: TransportKind = "ssh",
): Promise<number> {
  const began = performance.now();
  const { machine } = await lab.start(start, name);
  await using _owned = machine;
  await using guest = await lab.connect(machine, transport);
  await guest.run`true`;
  return (performance.now() - began) / 1000;
}

/** Seconds from asking for a fork to its word over the root channel which boot it is, before its clock is set. */
async function firstAnswer(lab: Lab, name: string, signal: AbortSignal): Promise<number> {
  const began = performance.now();
  const { machine } = await lab.start("fork", name);
  await using _owned = machine;
  const channel = channelOf(machine, lab.timeScale);
  if (channel === null) throw new HostUnfit("The machine does not have a root channel.");
  while (!channel.isOpen) {
    signal.throwIfAborted();
    await channel.changes(signal);
  }
  const limits = { timeoutMs: 30_000, maxBytes: 1000, signal };
  const { exitCode } = await channel.firstLine(bootIdPath, limits);
  if (exitCode !== 0) throw new HostUnfit("A fork did not answer over its root channel.");
  return (performance.now() - began) / 1000;
}

export const firstCommandBench: Bench = {
  name: "fork",
  summary: "first SSH command of a fork against a cold boot",
  boots: true,
  async measure(context): Promise<Figure[]> {
    await using lab = await openLab(context);
    // The template is made once for many runs, so its boot is not part of a fork's time.
    await firstCommand(lab, "fork", "warm-up");
    const cold: number[] = [];
    const forks: number[] = [];
    const channel: number[] = [];
    const answers: number[] = [];
    const ratios: number[] = [];
    for (let pair = 0; pair < context.pairs; pair++) {
      const ofPair: number[] = [];
      const takeForks = async (): Promise<void> => {
        for (let index = 0; index < forksPerPair; index++)
          ofPair.push(await firstCommand(lab, "fork", `fork-${pair}-${index}`));
      };
      if (pair % 2 === 1) await takeForks();
      const coldSeconds = await firstCommand(lab, "cold", `cold-${pair}`);
      if (pair % 2 === 0) await takeForks();
      cold.push(coldSeconds);
      forks.push(...ofPair);
      for (let index = 0; index < forksPerPair; index++)
        channel.push(await firstCommand(lab, "fork", `channel-${pair}-${index}`, "channel"));
      for (let index = 0; index < forksPerPair; index++)
        answers.push(await firstAnswer(lab, `answer-${pair}-${index}`, context.signal));
      ratios.push(coldSeconds / median(ofPair));
      context.say(
        `  pair ${pair + 1}: cold ${coldSeconds.toFixed(1)} s, fork ${median(ofPair).toFixed(2)} s`,
      );
    }
    return [
      figure({
        name: "fork.ratio",
        says: "first SSH command, cold boot ÷ fork",
        unit: "×",
        samples: ratios,
        value: median(cold) / median(forks),
        goal: { atLeast: 15 },
      }),
      figure({ name: "fork.cold", says: "  of a cold boot", unit: "s", samples: cold }),
      figure({ name: "fork.fork", says: "  of a fork", unit: "s", samples: forks }),
      figure({
        name: "fork.answer",
        says: "  of a fork, its first answer over the root channel",
        unit: "s",
        samples: answers,
        goal: { atMost: 0.15 },
      }),
      figure({
        name: "fork.channel",
        says: "  of a fork, over the root channel",
        unit: "s",
        samples: channel,
        goal: { atMost: 0.15 },
      }),
    ];
  },
};
