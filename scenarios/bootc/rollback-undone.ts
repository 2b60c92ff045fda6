import { expectEqual, isAtLeast, scenario } from "../../harness/index.ts";

/** The composefs backend takes a queued rollback back since bootc-dev/bootc#2004; upgrades are promised from this release on. */
const undoesOnComposefs = "1.16";

/** It drops what is staged since bootc-dev/bootc#2213; 1.16.9 has it. */
const dropsOnComposefs = "1.16.9";

/** With systemd-boot and unified kernels it tells the opposite before bootc-dev/bootc#2406. */
const tellsWithUki = "1.16.11";

/**
 * 1. from v1, upgraded to v2; 2. a rollback is queued, a second one takes it back, and the reboot stays in v2; 3. a rollback
 * drops a staged update.
 */
export default scenario({
  summary: "A second rollback takes the first one back, and a rollback drops what is staged",
  needs: {
    images: ["previous", "candidate", "next"],
    boots: ["previous"],
    publishes: ["previous", "candidate", "next"],
    from: "upgraded",
  },
  suite: "full",
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 14,

  async run({
    images: { previous: v1, candidate: v2, next: v3 },
    registry,
    boot,
    step,
    note,
    skip,
  }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v2);
    await using guest = await boot(v1, { follows: stable });

    const version = await guest.bootc.version();
    const { booted } = (await guest.bootc.status()).status;
    const { bootType, bootloader } = booted?.composefs ?? {};
    const isUki = bootType === "Uki";
    const isOstree = (await guest.backend()) === "ostree";
    if (!isOstree && !isAtLeast(version, undoesOnComposefs))
      skip(
        `The composefs backend of '${version}' does not take a queued rollback back (bootc-dev/bootc#2004).`,
      );
    const isGrub = bootloader?.toLowerCase() === "grub";
    // With GRUB and unified kernels nothing staged is dropped (bootc, `rollback_grub_uki_entries`). `grub-cc` has entries of its own.
    const drops = isOstree || (isAtLeast(version, dropsOnComposefs) && !(isUki && isGrub));
    const isTold = !isUki || isGrub || isAtLeast(version, tellsWithUki);
    if (!isTold)
      note(
        `'${version}' tells the opposite of a queued rollback (bootc-dev/bootc#2405), so the reboot alone decides.`,
      );
    const expectQueued = async (expected: boolean): Promise<void> => {
      const { rollbackQueued } = (await guest.bootc.status()).status;
      if (isTold) expectEqual("Whether a rollback is queued", rollbackQueued, expected);
    };
    await step("the first rollback is queued and the second takes it back", async () => {
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      await guest.bootc.rollback();
      await expectQueued(true);
      await guest.bootc.rollback();
      await expectQueued(false);
    });
    await step("the reboot stays in v2", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
    await step("a rollback drops a staged update", async () => {
      if (drops) {
        await shelf.publish("os:stable", v3);
        await guest.bootc.upgrade();
        await guest.expectDeployments({ booted: v2, staged: v3, rollback: v1 });
      } else
        note(
          `The composefs backend of '${version}' does not promise to drop what is staged; not tried.`,
        );
      await guest.bootc.rollback();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
    await step("the reboot lands in v1", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
    });
  },
});
