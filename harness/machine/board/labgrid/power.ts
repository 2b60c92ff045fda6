/** The power of a place, whatever switches it there. */
import { MachineFault } from "../../../base/errors.ts";
import type { PowerSwitch } from "../power/power-switch.ts";
import { type LabgridPlace, labgrid } from "./client.ts";

/** `labgrid-client power`. Some of its switches cannot tell their state, which is then an error. */
export function labgridSwitch(place: LabgridPlace): PowerSwitch {
  return {
    what: `power of labgrid place '${place.place}'`,
    set: async (isOn, signal) =>
      void (await labgrid(place, ["power", isOn ? "on" : "off"], { signal })),
    async state(signal) {
      const said = await labgrid(place, ["power", "get"], { signal });
      const word = / is (on|off)\s*$/m.exec(said)?.[1];
      if (word !== undefined) return word === "on";
      throw new MachineFault(`labgrid does not tell whether place '${place.place}' has power.`, {
        details: { said: said.slice(0, 300) },
      });
    },
  };
}
