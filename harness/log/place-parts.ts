/** What a machine is called in ids and reports, alike in all of them. */
import type { JobModel } from "./model-schema.ts";

/** The parts of it, a board by its name; each writer joins them in its own way. */
export const placeParts = ({
  driver,
  board,
  architecture,
  firmware,
  tpm,
}: JobModel["machine"]): string[] => [
  driver,
  ...(board === undefined ? [] : [board]),
  architecture,
  firmware,
  ...(tpm === true ? ["tpm"] : []),
];
