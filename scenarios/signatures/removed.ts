import { scenario } from "../../harness/index.ts";

/**
 * 1. boot the candidate and stage a signed update; 2. its signature is taken away: it boots all the same; 3. the next upgrade is refused, though
 * the tag stands for the very image that is booted; 4. signed again it is taken, with nothing new.
 */
export default scenario({
  summary: "A signature that goes after the pull stops the next upgrade, and no boot",
  needs: { images: ["candidate"], publishes: ["candidate"] },
  suite: "full",
  timeoutMinutes: 8,

  async run({ images: { candidate: v1 }, registry, boot, derive, requireSigned, step }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    const signer = await shelf.signer();
    const signed = await requireSigned(guest, stable, signer);
    const v2 = await derive(v1, { name: "signed", files: { "/usr/lib/bootgate/signed": "" } });
    const expectBooted = (): Promise<void> =>
      guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });

    await step("a signed update is staged", async () => {
      await shelf.publish("os:stable", v2);
      await signer.sign("os:stable");
      await signed.expectTaken();
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
    });
    await step("it boots, though its signature is gone", async () => {
      await signer.unsign("os:stable");
      await guest.reboot();
      await expectBooted();
    });
    await step("the next upgrade is refused, and nothing changes", async () => {
      await signed.trust(signer);
      await signed.expectRefused("whose signature is gone");
      await expectBooted();
    });
    await step("signed again it is taken, and nothing is new", async () => {
      await signer.sign("os:stable");
      await signed.expectTaken();
      await expectBooted();
    });
  },
});
