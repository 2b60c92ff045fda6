/** How far the layers of an image are unpacked, for a person who watches: a large image takes minutes. */
import { eachTenth } from "../../base/each-tenth.ts";
import { formatBytes } from "../../base/units.ts";

/** Between two lines. Milliseconds. */
const leastMs = 5000;

/** Takes bytes done and of all, and tells a stage. */
export const tellUnpacking = (
  tell: (stage: string) => void,
): ((done: number, total: number) => void) =>
  eachTenth((done, all) => tell(`unpacking, ${formatBytes(done)} of ${formatBytes(all)}`), leastMs);
