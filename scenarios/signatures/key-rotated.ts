import { scenario } from "../../harness/index.ts";

/**
 * 1. boot the candidate, which has the old key; 2. an update that the new key signed is refused; 3. with the new key it is staged; 4. one that
 * the old key signed is refused from then on.
 */
export default scenario({
  summary: "After a change of keys only the key that the system has counts",
  needs: { images: ["candidate"], publishes: ["candidate"] },
  suite: "full",
  timeoutMinutes: 8,

  async run({ images: { candidate: v1 }, registry, boot, derive, requireSigned, step }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    const [older, newer] = [await shelf.signer(), await shelf.signer()];
    const signed = await requireSigned(guest, stable, older);
    const v2 = await derive(v1, { name: "new-key", files: { "/usr/lib/bootgate/new-key": "" } });
    const v3 = await derive(v1, { name: "old-key", files: { "/usr/lib/bootgate/old-key": "" } });

    await step("an update that the new key signed is refused by who has the old one", async () => {
      await shelf.publish("os:stable", v2);
      await newer.sign("os:stable");
      await signed.expectRefused("that a key signed which the system does not have yet");
      await guest.expectDeployments({ booted: v1, staged: null, rollback: null });
    });
    await step("who has the new key stages it", async () => {
      await signed.trust(newer);
      await signed.expectTaken();
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
    });
    await step("what the old key signs counts no more", async () => {
      await shelf.publish("os:stable", v3);
      await older.sign("os:stable");
      await signed.expectRefused("that a key signed which the system does not have any more");
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
    });
  },
});
