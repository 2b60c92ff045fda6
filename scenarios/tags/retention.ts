import { expectUpgradeFails, scenario } from "../../harness/index.ts";

const otherTags = Array.from({ length: 200 }, (_, at) => `os:build-${at + 1}`);
const gone = "the image is deleted at the registry";

/**
 * v2 runs after an upgrade from v1. 1. among 200 other tags the guest finds v3 under its own; 2. that image is deleted: an upgrade fails and says so,
 * and all slots stay; 3. what is staged boots; 4. there too an upgrade fails, and a rollback works; 5. v4 under the tag is an update as any other.
 */
export default scenario({
  summary:
    "An image that is deleted at the registry ends no system that follows it: only updates wait for another one",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    from: "upgraded",
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds"],
  timeoutMinutes: 14,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, derive, step, note }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v2);
    const v3 = await derive(v2, { name: "deleted", files: { "/usr/lib/bootgate/v3": "" } });
    const v4 = await derive(v2, { name: "there-again", files: { "/usr/lib/bootgate/v4": "" } });
    await using guest = await boot(v1, { follows: stable });

    await step("among 200 other tags the guest finds its own", async () => {
      for (const name of otherTags) await shelf.publishSmall(name, "another build\n");
      await shelf.publish("os:stable", v3);
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v2, staged: v3, rollback: v1 });
    });
    await step("once its image is deleted an upgrade fails, and everything stays", async () => {
      await shelf.remove("os:stable");
      const unchanged = { booted: v2, staged: v3, rollback: v1 };
      await expectUpgradeFails(guest, gone, { unchanged, note });
    });
    await step("what was staged before boots", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v3, staged: null, rollback: v2 });
    });
    await step("there too an upgrade fails, and a rollback brings v2 back", async () => {
      const unchanged = { booted: v3, staged: null, rollback: v2 };
      await expectUpgradeFails(guest, gone, { unchanged, note });
      await guest.bootc.rollback();
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v3 });
    });
    await step("an image that is put there again is staged", async () => {
      await shelf.publish("os:stable", v4);
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v2, staged: v4, rollback: v3 });
    });
  },
});
