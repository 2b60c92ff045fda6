import {
  expectHealthy,
  expectOpenedByTpm,
  lockWords,
  needTpmLock,
  rebootByTpm,
  scenario,
} from "../../harness/index.ts";

/**
 * 1. boot v1 cold, whose root lies on LUKS: the TPM opens it and nobody is asked; 2. upgrade to v2 and reboot: what v2 measures lets the TPM open it again; 3. roll back and
 * reboot: so does v1. Skipped where the root is not on LUKS, or where no token of its header is of a TPM.
 */
export default scenario({
  summary: "A TPM unlocks the root, also after an upgrade and a rollback",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    tpm: true,
  },
  suite: "full",
  start: "cold",
  timeoutMinutes: 12,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, note, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    const lock = await needTpmLock(guest, skip);
    note(lockWords(lock));

    await step("the TPM opens the root", () => expectOpenedByTpm(guest));
    await step("after an upgrade it opens the root of v2", async () => {
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      await rebootByTpm(guest, lock, "the upgrade");
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
    await expectHealthy(guest, step);
    await step("after the rollback it opens the root of v1", async () => {
      await guest.bootc.rollback();
      await rebootByTpm(guest, lock, "the rollback");
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
    });
  },
});
