import { expectEqual, expectThat, followsReference, scenario } from "../../harness/index.ts";

/** 1. boot v1 that follows `os:stable`; 2. switch to `os:next`, which is v2; 3. reboot; 4. the guest runs v2 and follows `os:next`. */
export default scenario({
  summary: "Switch to another reference, and follow it from then on",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
  },
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 8,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    const next = await shelf.publish("os:next", v2);
    await using guest = await boot(v1, { follows: stable });

    await step("switch stages v2 and leaves v1 running", async () => {
      await guest.bootc.switch(next);
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
    });
    await step("reboot lands in v2, which follows the new reference", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      const { booted } = (await guest.bootc.status()).status;
      expectEqual("The reference of the booted deployment", booted?.image?.image.image, next);
    });
    await step("the deployment kept for rollback still follows the old reference", async () => {
      const { rollback } = (await guest.bootc.status()).status;
      const image = rollback?.image?.image ?? null;
      expectThat(followsReference(image, stable), "The rollback deployment follows another one.", {
        expected: stable,
        got: image?.image,
      });
    });
  },
});
