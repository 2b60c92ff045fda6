import { byDigest, expectFollows, scenario, takeOlder } from "../../harness/index.ts";

/**
 * v2 runs after an upgrade from v1. 1. the tag goes back to v1, and the guest with it; 2. it goes forward to v3; 3. a switch to the digest of v2 goes back
 * once more, and no tag moves the guest from there; 4. a switch to the tag takes what that stands for by then, v4.
 */
export default scenario({
  summary: "A guest follows its tag back to an older image and forward again, and a digest stays",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    from: "upgraded",
  },
  suite: "full",
  measures: ["reboot.seconds"],
  timeoutMinutes: 16,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, derive, step, note }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v2);
    const v3 = await derive(v2, { name: "forward", files: { "/usr/lib/bootgate/v3": "" } });
    const v4 = await derive(v2, { name: "by-tag", files: { "/usr/lib/bootgate/v4": "" } });
    const pinned = byDigest(stable, v2.digest);
    await using guest = await boot(v1, { follows: stable });

    await step("a tag that has gone back to v1 is followed", async () => {
      await shelf.publish("os:stable", v1);
      await takeOlder(guest, { booted: v2, older: v1, note });
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
      await expectFollows(guest, stable);
    });
    await step("it is followed forward to v3", async () => {
      await shelf.publish("os:stable", v3);
      await guest.bootc.upgrade();
      await guest.reboot();
      await guest.expectDeployments({ booted: v3, staged: null, rollback: v1 });
    });
    await step("a switch to the digest of v2 lands there and is what is followed", async () => {
      await guest.bootc.switch(pinned);
      await guest.expectDeployments({ booted: v3, staged: v2, rollback: v1 });
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v3 });
      await expectFollows(guest, pinned);
    });
    await step("from a digest no tag moves the guest", async () => {
      await shelf.publish("os:stable", v4);
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v3 });
    });
    await step("a switch to the tag takes what it stands for now", async () => {
      await guest.bootc.switch(stable);
      await guest.expectDeployments({ booted: v2, staged: v4, rollback: v3 });
      await expectFollows(guest, stable);
    });
  },
});
