import { scenario } from "../../harness/index.ts";

/**
 * 1. boot the candidate and tell it whose signatures it takes; 2. a signed update is staged; 3. it boots, and takes nothing unsigned either.
 * The signature is an attachment of sigstore's.
 */
export default scenario({
  summary: "An update that is signed as the policy demands is staged and boots",
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
    const v3 = await derive(v2, { name: "unsigned", files: { "/usr/lib/bootgate/unsigned": "" } });

    await step("a signed update is staged", async () => {
      await shelf.publish("os:stable", v2);
      await signer.sign("os:stable");
      await signed.expectTaken();
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
    });
    await step("it boots", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
    await step("there too an unsigned update is refused", async () => {
      await signed.trust(signer);
      await shelf.publish("os:stable", v3);
      await signed.expectRefused("that nobody signed");
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
  },
});
