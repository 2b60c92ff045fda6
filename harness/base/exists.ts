/** Whether something is there. */
import { stat } from "node:fs/promises";

/** True for anything that stat(2) finds at the path, links followed; false also where it may not be looked at. */
export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
