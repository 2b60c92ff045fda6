/** What a job's guests have behind them, of what its story says and what the run has. */
import { CannotTell } from "../base/errors.ts";
import type { ServiceAddress } from "../machine/machine.ts";
import type { ServedUpdate } from "../states/booted.ts";
import { type FixtureTable, openFixture } from "./open-fixtures.ts";
import type { Job } from "./plan.ts";

/** The name in a registry that the guest follows, as the story publishes it. */
const followed = "os:stable";

/** Undefined where the story starts from a boot, or guests reach no registry. */
export function updateBehind(
  { scenario, images }: Pick<Job, "scenario" | "images">,
  table: FixtureTable,
  guests: ServiceAddress | null,
): ServedUpdate | undefined {
  const { from = "booted" } = scenario.definition.needs;
  const { previous, candidate } = images;
  if (guests === null || from === "booted" || previous === undefined || candidate === undefined)
    return undefined;
  return {
    state: from,
    of: previous,
    update: candidate,
    reference: `${guests.address}:${guests.port}/${followed}`,
    async serve() {
      const place = { images: [previous, candidate], guests };
      const shelf = await openFixture(table, "registry", place);
      const [forward] = shelf.forwards;
      const end = async (): Promise<void> => {
        await shelf[Symbol.asyncDispose]();
      };
      try {
        if (forward === undefined)
          throw new CannotTell("The registry cannot be reached by guests.");
        await shelf.handle.publish(followed, candidate);
        return { forward, died: shelf.died, [Symbol.asyncDispose]: end };
      } catch (error) {
        await end();
        throw error;
      }
    },
  };
}
