/**
 * What a guest has behind it when a story gets it: an update that is staged, or one that it has booted into. It is brought
 * there by the very commands a person would use, and looked at on the way: what goes wrong is the image's failure as much as in a story.
 */
import type { Image } from "../../images/image.ts";
import type { Guest } from "../guest/guest.ts";

export type UpdateState = "staged" | "upgraded";

export interface UpdateBehind {
  readonly state: UpdateState;
  /** The image that is booted first. */
  readonly of: Image;
  /** What it is updated to. The reference that the guest follows has to stand for it meanwhile. */
  readonly update: Image;
}

/** Brings a guest that has just booted to its state. Throws as the guest's own methods do. */
export async function bringTo(guest: Guest, { state, of, update }: UpdateBehind): Promise<void> {
  await guest.bootc.upgrade();
  await guest.expectDeployments({ booted: of, staged: update, rollback: null });
  if (state === "staged") return;
  await guest.reboot();
  await guest.systemd.settled();
  await guest.expectDeployments({ booted: update, staged: null, rollback: of });
}

/** The state in words, behind "the booted guest of …". */
export const behindWords = ({ state, update }: UpdateBehind): string =>
  state === "staged" ? ` with ${update.name} staged` : ` after its upgrade to ${update.name}`;
