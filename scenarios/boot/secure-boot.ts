import { expectHealthy, expectSecureBoot, scenario, secureBootOf } from "../../harness/index.ts";

/**
 * 1. boot the candidate cold on firmware with Secure Boot: each of boot loader and kernel is signed by whom the one before it trusts, or its boot ends there; 2. the firmware
 * did check, by its own variables; 3. the system is healthy. Whether the kernel locks itself down is told.
 */
export default scenario({
  summary: "Boots under Secure Boot to a settled system",
  needs: { images: ["candidate"], firmware: ["uefi-secure-boot"] },
  suite: "full",
  start: "cold",
  timeoutMinutes: 5,

  async run({ images: { candidate }, boot, step, note }) {
    await using guest = await boot(candidate);

    await step("the firmware checks what it starts", () => expectSecureBoot(guest));
    const lockdown = await secureBootOf(guest).lockdown();
    if (lockdown === null || lockdown === "none")
      note("The kernel is not locked down, so root can run code in it that nobody signed.");
    else note(`The kernel is locked down: ${lockdown}.`);
    await expectHealthy(guest, step);
  },
});
