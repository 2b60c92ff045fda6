/** What live media of the reference OS can be, and where what they are made of lies in the cache. */

/**
 * What can be wrong with one. `no-session`: the user of the session is not made, so nobody is logged in. `corrupt`: the superblock
 * of its root is overwritten.
 */
export const liveFaults = ["no-session", "corrupt"] as const;
export type LiveFault = (typeof liveFaults)[number];

/** Folders of slots in the cache (`reference/cache-slot.ts`). */
export const liveSlotKinds = ["reference-live", "live-session-module"] as const;
