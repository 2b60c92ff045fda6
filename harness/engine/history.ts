/** What a guest follows, and how it takes an image that its tag has gone back to. */
import type { Image } from "../../images/image.ts";
import type { Guest } from "../guest/guest.ts";
import { describeReference, followsReference } from "../guest/tools/image-reference.ts";
import { expectThat } from "./expect.ts";
import type { Reference, Stage } from "./scenario.ts";

/** The next upgrade would pull from here. Throws ExpectationFailed. */
export async function expectFollows(guest: Guest, reference: Reference): Promise<void> {
  const { image } = (await guest.bootc.status()).spec;
  expectThat(followsReference(image, reference), "The guest follows another reference.", {
    expected: reference,
    got: describeReference(image),
  });
}

export interface OlderImage {
  readonly booted: Image;
  /** What is kept for rollback, and what the tag stands for again. */
  readonly older: Image;
  readonly note: Stage["note"];
}

/**
 * Has the next boot be of the older image. bootc's ostree backend stages it as any update: it asks for other digests and never for later ones. Its composefs
 * backend takes an image that has a deployment for nothing new (bootc-dev/bootc, `bootc_composefs/update.rs`, `validate_update`), which is noted, and
 * goes back by a rollback. Throws ExpectationFailed where neither is so.
 */
export async function takeOlder(guest: Guest, { booted, older, note }: OlderImage): Promise<void> {
  await guest.bootc.upgrade();
  const { staged } = (await guest.bootc.status()).status;
  if (staged !== null || (await guest.backend()) !== "composefs") {
    await guest.expectDeployments({ booted, staged: older, rollback: older });
    return;
  }
  await guest.expectDeployments({ booted, staged: null, rollback: older });
  note(
    "bootc's composefs backend does not stage an image that is kept for rollback, though the tag has gone back to it: `bootc rollback` brings it.",
  );
  await guest.bootc.rollback();
}
