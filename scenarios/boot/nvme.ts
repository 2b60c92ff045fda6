import { expectHealthy, expectRootOn, scenario } from "../../harness/index.ts";

/**
 * 1. boot the candidate cold from an NVMe disk, as most hardware has it: firmware, boot loader and initramfs find it; 2. the root lies on it; 3. the system is healthy, so nothing of it
 * names its disk by another bus.
 */
export default scenario({
  summary: "Boots from an NVMe disk to a settled system",
  needs: { images: ["candidate"], diskBus: "nvme" },
  suite: "full",
  start: "cold",
  timeoutMinutes: 5,

  async run({ images: { candidate }, boot, step }) {
    await using guest = await boot(candidate);

    await step("the root lies on an NVMe disk", () => expectRootOn(guest, "nvme"));
    await expectHealthy(guest, step);
  },
});
