import { expectEqual, keepsFolder, scenario } from "../../harness/index.ts";

const kept = "/var/lib/bootgate-before-the-cut";
const words = "written before the cut\n";

/**
 * 1. v2 is staged; cut the power: what is staged is completed on the way down only, so v1 boots, and nothing is staged
 * (ostree, ostree-finalize-staged.service); 2. what was written to the disk before is there; 3. the update can be had again.
 */
export default scenario({
  summary: "A power cut loses what was staged and nothing else, and the update can be had again",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    capabilities: ["power"],
    from: "staged",
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 11,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, note }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v2);
    await using guest = await boot(v1, { follows: stable });

    const keepsVar = await step("after a power cut v1 boots and nothing is staged", async () => {
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
      const keepsVar = await keepsFolder(guest, "/var");
      await guest.files.write(kept, words);
      await guest.run`sync`;
      await guest.machine.cutPower();
      await guest.machine.switchOn();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: null });
      return keepsVar;
    });
    if (!keepsVar)
      note("/var is in memory by the image's own setting, so nothing in it has to stay.");
    await step("what was written to the disk before is there", async () => {
      expectEqual("The file in /var", await guest.files.read(kept), keepsVar ? words : null);
    });
    await step("the update can be had again, and the reboot lands in it", async () => {
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
  },
});
