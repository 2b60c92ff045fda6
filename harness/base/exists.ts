/** Whether something is there. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";

/** True for anything that stat(2) finds at the path, links followed; false also where it may not be looked at. */
export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const may = (path: string, mode: number): Promise<boolean> =>
  access(path, mode).then(
    () => true,
    () => false,
  );

/** True for what this user may run. */
export const isProgram = (path: string): Promise<boolean> => may(path, constants.X_OK);
/** True for what this user may read. */
export const isReadable = (path: string): Promise<boolean> => may(path, constants.R_OK);
/** True for a device or file that this user may open for reading and writing. */
export const isOpenTo = (path: string): Promise<boolean> =>
  may(path, constants.R_OK | constants.W_OK);
