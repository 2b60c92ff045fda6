import { isAtLeast, scenario } from "../../harness/index.ts";

/** `--apply` of `bootc rollback` (bootc-dev/bootc#1202). */
const rollbackSince = "1.1.7";

/** 1. boot v1, `upgrade --apply` with nothing new: no reboot; 2. publish v2, `upgrade --apply` reboots by itself into v2; 3. `rollback --apply` reboots into v1. */
export default scenario({
  summary: "`--apply` reboots by itself into what was staged, and only then",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
  },
  suite: "full",
  measures: ["pulled.bytes"],
  timeoutMinutes: 10,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, note }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });

    await step("with nothing new the same boot goes on", async () => {
      await guest.bootc.upgrade("--apply");
      await guest.expectDeployments({ booted: v1, staged: null, rollback: null });
    });
    await step("with an update the guest reboots by itself into v2", async () => {
      await shelf.publish("os:stable", v2);
      await guest.rebootBy`bootc upgrade --apply`;
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
    await step("a rollback that is applied reboots by itself into v1", async () => {
      const version = await guest.bootc.version();
      if (isAtLeast(version, rollbackSince)) {
        await guest.bootc.beforeRollback();
        await guest.rebootBy`bootc rollback --apply`;
      } else {
        note(`'${version}' does not have 'rollback --apply', so the reboot is ordered.`);
        await guest.bootc.rollback();
        await guest.reboot();
      }
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
    });
  },
});
