/** How reports call a machine, alike in every one of them. */
import type { JobModel } from "../harness/log/model-schema.ts";

/** The machine of a job, without its image; a board by its name. */
export const placeWords = ({
  driver,
  board,
  architecture,
  firmware,
}: JobModel["machine"]): string =>
  [driver, ...(board === undefined ? [] : [board]), architecture, firmware].join(" ");
