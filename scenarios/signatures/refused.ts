import { scenario } from "../../harness/index.ts";

/**
 * 1. boot the candidate and tell it whose signatures it takes; 2. a signed update is staged; 3. one that nobody signed, 4. one that somebody
 * else signed, and 5. one that has the signature of another image are refused. The picture of all slots stays, and the store gets nothing.
 */
export default scenario({
  summary: "An update without a good signature is refused, and what is staged stays",
  needs: { images: ["candidate"], publishes: ["candidate"] },
  suite: "full",
  timeoutMinutes: 8,

  async run({ images: { candidate: v1 }, registry, boot, derive, requireSigned, step }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    const [signer, stranger] = [await shelf.signer(), await shelf.signer()];
    await using signed = await requireSigned(guest, stable, signer);
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
  },
});
