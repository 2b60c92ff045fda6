/** What of a guest is kept over its reboots. */
import type { Guest } from "../guest/guest.ts";
import { isInMemory } from "../guest/tools/composefs.ts";

/**
 * Whether the booted system keeps what is changed in /etc or /var: it may be in memory (ostree-prepare-root(1), systemd-volatile-root.service(8)). What
 * was booted counts, and not a file that its initramfs may lack. A folder without a mount of its own is as / is.
 */
export async function keepsFolder(guest: Guest, folder: "/etc" | "/var"): Promise<boolean> {
  return !isInMemory((await guest.ostree.mount(folder)) ?? (await guest.ostree.rootMount()));
}
