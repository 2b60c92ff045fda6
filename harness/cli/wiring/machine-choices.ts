/** The machines that a run asks for, as the drivers can make them. */
import { type Architecture, hostArchitecture, type Image } from "../../../images/image.ts";
import type { MachineChoice } from "../../engine/plan.ts";
import type { MachineDriver } from "../../machine/machine.ts";
import { type MachineWish, profileOf } from "../../machine/profile.ts";

/** What a run asks of its machines beside their kinds. */
export interface HardwareWish extends Omit<MachineWish, "architecture" | "firmware"> {
  /** Of machines for which no image is at hand; absent: the host's own. */
  readonly architecture?: Architecture | undefined;
}

/** The machines asked for, one for each driver and firmware, with the driver's refusal where it cannot make them. */
export async function machineChoices(
  drivers: readonly MachineDriver[],
  images: readonly Image[],
  firmware: readonly MachineWish["firmware"][],
  { architecture: wished = hostArchitecture(), ...hardware }: HardwareWish,
): Promise<MachineChoice[]> {
  const architecture = images[0]?.architecture ?? wished;
  const secureBootKeys = images.find((image) => image.secureBootKeys !== undefined)?.secureBootKeys;
  const pairs = drivers.flatMap((driver) => firmware.map((kind) => ({ driver, firmware: kind })));
  return Promise.all(
    pairs.map(async ({ driver, firmware: kind }) => {
      const wish = { architecture, firmware: kind, ...hardware };
      return {
        ...profileOf(driver, wish),
        refusal: await driver.refuse({ ...wish, secureBootKeys }),
      };
    }),
  );
}
