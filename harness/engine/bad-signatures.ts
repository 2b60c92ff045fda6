/** What a guest refuses that takes signed images only, by whichever kind of signature. */
import type { Image } from "../../images/image.ts";
import type { Guest } from "../guest/guest.ts";
import type { FileServer, Shelf, Stage } from "./scenario.ts";

interface BadSignatures {
  readonly shelf: Shelf;
  readonly guest: Guest;
  readonly image: Image;
  /** What the guest follows, `os:stable`. */
  readonly stable: string;
  /** Where simple signing puts its signatures; left out: sigstore's lie in the registry. */
  readonly lookaside?: FileServer;
}

/**
 * Steps of a story: a signed update is staged, and one that nobody signed, that somebody else signed or that has the signature of another image is
 * refused. The picture of all slots stays, and the store gets nothing. Throws as `Stage.requireSigned` and what it returns do.
 */
export async function expectBadSignaturesRefused(
  { derive, requireSigned, step }: Pick<Stage, "derive" | "requireSigned" | "step">,
  { shelf, guest, image: v1, stable, lookaside }: BadSignatures,
): Promise<void> {
  const [signer, stranger] = [await shelf.signer(lookaside), await shelf.signer(lookaside)];
  const signed = await requireSigned(guest, stable, signer);
  const v2 = await derive(v1, { name: "signed", files: { "/usr/lib/bootgate/signed": "" } });
  const v3 = await derive(v1, { name: "unsigned", files: { "/usr/lib/bootgate/unsigned": "" } });
  const expectUnchanged = (): Promise<void> =>
    guest.expectDeployments({ booted: v1, staged: v2, rollback: null });

  await step("a signed update is staged", async () => {
    await shelf.publish("os:signed", v2);
    await shelf.publish("os:stable", v2);
    await signer.sign("os:stable");
    await signed.expectTaken();
    await expectUnchanged();
  });
  await step("one that nobody signed is refused, and nothing changes", async () => {
    await shelf.publish("os:stable", v3);
    await signed.expectRefused("that nobody signed");
    await expectUnchanged();
  });
  await step("one that somebody else signed is refused, and nothing changes", async () => {
    await stranger.sign("os:stable");
    await signed.expectRefused("that another key signed");
    await expectUnchanged();
  });
  await step("one with another image's signature is refused, and nothing changes", async () => {
    await signer.sign("os:stable", "os:signed");
    await signed.expectRefused("that has another image's signature");
    await expectUnchanged();
  });
}
