/** How often a person will move a card, for the plan: somebody has to be there that often. */
import type { Job } from "../../engine/plan.ts";
import type { MachineDriver } from "../../machine/machine.ts";
import { isOf } from "../../machine/profile.ts";

type Planned = Pick<Job, "scenario" | "machine" | "skip" | "unavailable">;
type Moved = Pick<MachineDriver, "kind" | "word" | "cardMoves">;

/**
 * One line for each kind of machine whose card a person moves. A guest writes to its card, so each boot that a story begins with
 * has a fresh copy, and the order of jobs does not change the number.
 */
export function cardMoveLines(jobs: readonly Planned[], drivers: readonly Moved[]): string[] {
  return drivers.flatMap((driver) => {
    const { kind, word = kind, cardMoves } = driver;
    if (cardMoves === undefined) return [];
    const boots = jobs
      .filter(
        ({ machine, skip, unavailable }) =>
          isOf(driver, machine) && skip === null && unavailable === undefined,
      )
      .map(
        ({
          scenario: {
            definition: { needs },
          },
        }) => (needs.boots ?? needs.images).length,
      )
      .reduce((sum, count) => sum + count, 0);
    const times = boots === 1 ? "boot" : "boots";
    return [
      `A person moves the card of '${word}' ${boots * cardMoves} times, for ${boots} ${times}; a job that is tried again needs ${cardMoves} more for each.`,
    ];
  });
}
