/** Who may go where in a guest. */
import type { Guest } from "../guest/guest.ts";
import { composefsOf, isInMemory } from "../guest/tools/composefs.ts";
import { expectThat } from "./expect.ts";

/** Reading and entering, for the group and for others. */
const mayEnter = 0o055;

/** The mode of a folder, as stat(1) tells it. Throws CommandFailed. */
export async function modeOf(guest: Guest, path: string): Promise<number> {
  return Number.parseInt(await guest.run`stat -c ${"%a"} ${path}`, 8);
}

/**
 * Those who could enter a folder when it had this mode still can. An overlay has its mode from its upper directory (kernel documentation,
 * overlayfs), and what shuts everybody but root out is not seen by root (bootc-dev/bootc#1833).
 */
export async function expectStillOpen(guest: Guest, path: string, before: number): Promise<void> {
  const after = await modeOf(guest, path);
  const lost = before & ~after & mayEnter;
  expectThat(lost === 0, `The overlay on ${path} shuts out who could enter it before.`, {
    before: before.toString(8),
    got: after.toString(8),
  });
}

/** Why /usr can be written without any overlay, or null. */
export async function whyUsrOpen(guest: Guest): Promise<string | null> {
  const { isRootTransient } = await composefsOf(guest).setting(await guest.backend());
  return isRootTransient && isInMemory(await guest.ostree.rootMount())
    ? "/ is transient by the image's own setting, so /usr can be written."
    : null;
}
