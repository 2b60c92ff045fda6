/** Which programs of an image are stand-ins for the real ones. */
import type { Image } from "../../images/image.ts";
import { type Deviation, standIn } from "../base/deviations.ts";
import type { Guest } from "../guest/guest.ts";
import { createBootc } from "../guest/tools/bootc.ts";

/** Each as a deviation, bootc with the version that it tells. Throws as a command of the guest does. */
export async function standInsOf(guest: Guest, image: Image): Promise<Deviation[]> {
  const found: Deviation[] = [];
  for (const program of image.standIns) {
    const version = program === "bootc" ? await createBootc(guest.aside).version() : "";
    found.push(standIn(program, image.name, version));
  }
  return found;
}
