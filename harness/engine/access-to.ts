/** Who may go where in a guest. */
import type { Guest } from "../guest/guest.ts";

/**
 * Mode, owner and group of a path, as stat(1) tells them: `755 0 0`. A folder's overlay has them from its upper directory (kernel
 * documentation, overlayfs), and what shuts everybody but root out is not seen by root (bootc-dev/bootc#1833).
 */
export const accessTo = async (guest: Guest, path: string): Promise<string> =>
  (await guest.run`stat -c ${"%a %u %g"} ${path}`).trim();
