import { expectEqual, type Guest, scenario } from "../../harness/index.ts";

const queued = async (guest: Guest): Promise<boolean> =>
  (await guest.bootc.status()).status.rollbackQueued;

/**
 * 1. upgrade from v1 to v2; 2. a rollback is queued, a second one takes it back, and the reboot stays in v2; 3. a rollback
 * drops a staged update.
 */
export default scenario({
  summary: "A second rollback takes the first one back, and a rollback drops what is staged",
  needs: {
    images: ["previous", "candidate", "next"],
    boots: ["previous"],
    publishes: ["previous", "candidate", "next"],
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 14,

  async run({ images: { previous: v1, candidate: v2, next: v3 }, registry, boot, step }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });

    await step("v2 is upgraded to", async () => {
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
    await step("the first rollback is queued and the second takes it back", async () => {
      await guest.bootc.rollback();
      expectEqual("Whether a rollback is queued after the first", await queued(guest), true);
      await guest.bootc.rollback();
      expectEqual("Whether a rollback is queued after the second", await queued(guest), false);
    });
    await step("the reboot stays in v2", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
    await step("a rollback drops a staged update", async () => {
      await shelf.publish("os:stable", v3);
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v2, staged: v3, rollback: v1 });
      await guest.bootc.rollback();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
    await step("the reboot lands in v1", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
    });
  },
});
