import { expectUpgradeFails, ociArchitecture, scenario } from "../../harness/index.ts";

const foreign = "s390x";

/**
 * v1 runs and v2 is staged. 1. the tag stands for an index without an image for this machine: an upgrade fails, says why, and changes nothing; 2. an index
 * that has one beside another machine's is an update as any other; 3. it boots.
 */
export default scenario({
  summary:
    "An index that lost this machine's architecture is refused, and one that has it is taken",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    from: "staged",
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds"],
  timeoutMinutes: 9,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, derive, step, note }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v2);
    const other = await derive(v2, { name: "other", files: { "/usr/lib/bootgate/other": "" } });
    const v3 = await derive(v2, { name: "own", files: { "/usr/lib/bootgate/own": "" } });
    const own = ociArchitecture[v2.architecture];
    await using guest = await boot(v1, { follows: stable });

    await step("an index without this architecture is refused, and nothing changes", async () => {
      const unchanged = { booted: v1, staged: v2, rollback: null };
      await guest.expectDeployments(unchanged);
      await shelf.publishIndex("os:stable", [{ architecture: foreign, image: other }]);
      const why = "the index has no image for this architecture";
      await expectUpgradeFails(guest, why, { unchanged, note }, /architecture|platform/i);
    });
    await step("of an index that has it the right image is staged", async () => {
      await shelf.publishIndex("os:stable", [
        { architecture: foreign, image: other },
        { architecture: own, image: v3 },
      ]);
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v1, staged: v3, rollback: null });
    });
    await step("it boots", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v3, staged: null, rollback: v1 });
    });
  },
});
