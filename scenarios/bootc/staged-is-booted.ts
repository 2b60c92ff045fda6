import { scenario } from "../../harness/index.ts";

/** A reboot where v2 is staged: the booted deployment is the staged one, and nothing is staged any more (bootc-dev/bootc#855). */
export default scenario({
  summary: "What was staged is what boots next, or the finalisation says why not",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    from: "staged",
  },
  suite: "full",
  measures: ["reboot.seconds"],
  timeoutMinutes: 8,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v2);
    await using guest = await boot(v1, { follows: stable });

    await step("the staged deployment is the one that boots", async () => {
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
  },
});
