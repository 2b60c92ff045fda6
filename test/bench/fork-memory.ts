/**
 * What forks cost in memory: private and shared pages of 1, 2 and 4 that run at once, each after its first SSH
 * command, and of one that was asked over the root channel alone.
 */
import { readFile } from "node:fs/promises";
import { HostUnfit } from "../../harness/base/errors.ts";
import type { Bench } from "./bench-context.ts";
import { type Figure, figure } from "./figure.ts";
import { openLab, type StartedMachine } from "./lab.ts";

const counts = [1, 2, 4] as const;

interface Memory {
  readonly privateMB: number;
  readonly sharedMB: number;
  /** Its share of what it shares, and all of its own: the sum over all forks is what they take from the host. */
  readonly proportionalMB: number;
}

/** Memory of a process by `/proc/PID/smaps_rollup` (proc_pid_smaps(5)), in 10^6 bytes. */
async function memoryOf(pid: number): Promise<Memory> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "latin1");
  const megabytes = (key: string): number => {
    const found = new RegExp(`^${key}:\\s*(\\d+) kB$`, "m").exec(text)?.[1];
    if (found === undefined) throw new HostUnfit(`The kernel does not say '${key}' of a process.`);
    return (Number(found) * 1024) / 1e6;
  };
  return {
    privateMB: megabytes("Private_Clean") + megabytes("Private_Dirty"),
    sharedMB: megabytes("Shared_Clean") + megabytes("Shared_Dirty"),
    proportionalMB: megabytes("Pss"),
  };
}

function figuresOf(count: number, memories: readonly Memory[]): Figure[] {
  const of = count === 1 ? "1 fork alone" : `each of ${count} forks at once`;
  const total = memories.reduce((sum, { proportionalMB }) => sum + proportionalMB, 0);
  return [
    figure({
      name: `memory.private-${count}`,
      says: `private memory of ${of}`,
      unit: "MB",
      samples: memories.map(({ privateMB }) => privateMB),
    }),
    figure({
      name: `memory.shared-${count}`,
      says: "  shared memory",
      unit: "MB",
      samples: memories.map(({ sharedMB }) => sharedMB),
    }),
    figure({
      name: `memory.total-${count}`,
      says: "  together, shared pages counted once",
      unit: "MB",
      samples: [total],
    }),
  ];
}

export const forkMemory: Bench = {
  name: "memory",
  summary: `memory of ${counts.join(", ")} forks at once`,
  boots: true,
  async measure(context): Promise<Figure[]> {
    await using lab = await openLab(context);
    const forks: StartedMachine[] = [];
    const figures: Figure[] = [];
    try {
      for (const count of counts) {
        while (forks.length < count) {
          const fork = await lab.start("fork", `memory-${forks.length}`);
          forks.push(fork);
          await using guest = await lab.connect(fork.machine);
          await guest.run`true`;
        }
        const pids = forks.map(({ machine }) => machine.running.process.pid);
        figures.push(...figuresOf(count, await Promise.all(pids.map(memoryOf))));
      }
      // While the others run: a fork alone shares with nobody, and all of its pages would count as private.
      const fork = await lab.start("fork", "memory-channel");
      await using _owned = fork.machine;
      await using guest = await lab.connect(fork.machine, "channel");
      await guest.run`true`;
      const { privateMB } = await memoryOf(fork.machine.running.process.pid);
      figures.push(
        figure({
          name: "memory.channel",
          says: "private memory of 1 fork asked over the root channel",
          unit: "MB",
          samples: [privateMB],
          goal: { atMost: 100 },
        }),
      );
    } finally {
      await Promise.all(forks.map(({ machine }) => machine[Symbol.asyncDispose]()));
    }
    return figures;
  },
};
