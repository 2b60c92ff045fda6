/**
 * What can be wrong with a live medium of the reference OS. `no-session`: the user of the session is not made, so nobody is
 * logged in. `corrupt`: the superblock of its root is overwritten.
 */
export const liveFaults = ["no-session", "corrupt"] as const;
export type LiveFault = (typeof liveFaults)[number];
