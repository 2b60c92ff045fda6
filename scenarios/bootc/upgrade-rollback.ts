import { scenario } from "../../harness/index.ts";

/** 1. boot v1 that follows a registry tag; 2. publish v2 and upgrade; 3. reboot; 4. roll back and reboot. */
export default scenario({
  summary: "Upgrade to a new image over the registry, then roll back",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
  },
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 10,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });

    await step("upgrade stages v2 and leaves v1 running", async () => {
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
    });
    await step("reboot lands in v2 and keeps v1 for rollback", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
    await step("rollback and reboot return to v1", async () => {
      await guest.bootc.rollback();
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
    });
  },
});
