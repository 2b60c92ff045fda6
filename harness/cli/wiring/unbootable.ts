/**
 * An image that no machine of the run can boot is known by its documents: its jobs are skipped with the driver's reason, so
 * not one of its layers is fetched.
 */
import type { Architecture, FoundImage } from "../../../images/image.ts";
import { Unwanted } from "../../../images/origins/pull.ts";
import type { PeekedImage } from "../../../images/peek.ts";
import type { Firmware, MachineDriver } from "../../machine/machine.ts";

/** Whether an image of an architecture is worth its layers. */
export type Wants = (architecture: Architecture) => Promise<boolean>;

/** True where one driver makes such a machine with one firmware. */
export const wantsOf =
  (
    drivers: readonly MachineDriver[],
    firmware: readonly Firmware[],
    secureBootKeys?: string | undefined,
  ): Wants =>
  async (architecture) => {
    for (const driver of drivers)
      for (const kind of firmware)
        if ((await driver.refuse({ architecture, firmware: kind, secureBootKeys })) === null)
          return true;
    return false;
  };

/** The image by its documents alone, where its layers were not wanted; throws every other error as it is. */
export async function unbootable(
  error: unknown,
  peek: () => Promise<PeekedImage | null>,
): Promise<FoundImage> {
  const peeked = error instanceof Unwanted ? await peek() : null;
  if (peeked === null) throw error;
  const { name, digest, architecture, follows, standIns, index, notes } = peeked;
  return {
    name,
    digest,
    manifest: digest,
    architecture,
    disk: null,
    oci: null,
    follows,
    standIns,
    ...(index === undefined ? {} : { index }),
    notes: [...notes, "None of its layers was fetched: no machine of this run can boot it."],
  };
}
