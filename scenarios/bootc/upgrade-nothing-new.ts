import { expectEqual, scenario } from "../../harness/index.ts";

/** 1. boot v1, whose tag still stands for v1; 2. check and upgrade; 3. nothing has changed. There is no exit code for "no update", so the status decides. */
export default scenario({
  summary: "An upgrade with nothing new changes nothing",
  needs: { images: ["previous"], publishes: ["previous"] },
  timeoutMinutes: 4,

  async run({ images: { previous: v1 }, registry, boot, step }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });

    await step("a check finds no update", async () => {
      await guest.bootc.upgrade("--check");
      const { booted } = (await guest.bootc.status()).status;
      const update = booted?.cachedUpdate?.imageDigest ?? v1.digest;
      expectEqual("The digest of the cached update", update, v1.digest);
    });
    await step("upgrade stages nothing", async () => {
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: null });
    });
  },
});
