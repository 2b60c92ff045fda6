import { expectEqual, expectNoFailedUnit, scenario } from "../../harness/index.ts";

/**
 * 1. from v1, upgraded to v2, on to v3 that is bad: a unit of its own fails; 2. it is seen to be bad; 3. rollback lands in v2,
 * which is well and has no trace of it.
 */
export default scenario({
  summary: "A bad update after a good one is left behind by a rollback to the good one",
  needs: {
    images: ["previous", "candidate", "broken"],
    boots: ["previous"],
    publishes: ["previous", "candidate", "broken"],
    from: "upgraded",
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 16,

  async run({ images: { previous: v1, candidate: v2, broken: v3 }, registry, boot, step }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v2);
    await using guest = await boot(v1, { follows: stable });

    await step("the good update runs", async () => {
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
    await step("the bad update boots, and systemd says that it is degraded", async () => {
      await shelf.publish("os:stable", v3);
      await guest.bootc.upgrade();
      await guest.reboot();
      await guest.expectDeployments({ booted: v3, staged: null, rollback: v2 });
      expectEqual("The state of the system", await guest.systemd.settled(), "degraded");
    });
    await step("rollback lands in the good one, where no unit fails", async () => {
      await guest.bootc.rollback();
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v3 });
      await guest.systemd.settled();
      await expectNoFailedUnit(guest);
    });
  },
});
