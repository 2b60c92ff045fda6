import { expectEqual, expectThat, scenario } from "../../harness/index.ts";

/** 1. boot v1 and publish v2; 2. `upgrade --check` tells of it in the status and stages nothing; 3. after a reboot v1 still runs. */
export default scenario({
  summary: "`bootc upgrade --check` finds the update and changes nothing",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
  },
  suite: "full",
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 7,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, note }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });

    await step("a check finds the update and stages nothing", async () => {
      await shelf.publish("os:stable", v2);
      const said = await guest.bootc.upgrade("--check");
      const digest = v2.manifest ?? v2.digest;
      // The composefs backend tells of layers only (bootc-dev/bootc, crates/lib/src/bootc_composefs/update.rs).
      const isFound =
        (await guest.backend()) === "ostree"
          ? said.includes(digest)
          : /^Total new layers/m.test(said);
      expectThat(isFound, "The check does not tell of the update.", {
        expected: digest,
        said: said.slice(0, 1000),
      });
      await guest.expectDeployments({ booted: v1, staged: null, rollback: null });
    });
    await step("the status knows the update", async () => {
      const { booted } = (await guest.bootc.status()).status;
      const cached = booted?.cachedUpdate?.imageDigest ?? null;
      if (cached === null && (await guest.backend()) === "composefs")
        note("The composefs backend of this bootc does not keep what a check found.");
      else expectEqual("The digest of the cached update", cached, v2.manifest);
    });
    await step("a reboot stays in v1", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: null });
    });
  },
});
