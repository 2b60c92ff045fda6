/** The only door for scenarios: what a story may use. */

export type { Image, ImageChange } from "../images/image.ts";
export { CommandFailed, ExpectationFailed, quoting } from "./base/errors.ts";
export { expectEqual, expectThat } from "./engine/expect.ts";
export { expectHealthy, judgeFaults } from "./engine/healthy.ts";
export { type BootOptions, type Shelf, type Stage, scenario } from "./engine/scenario.ts";
export type { Guest } from "./guest/guest.ts";
export { isMute } from "./guest/mute-guest.ts";
export { followsReference } from "./guest/tools/image-reference.ts";
export { isAtLeast } from "./guest/tools/program-version.ts";
