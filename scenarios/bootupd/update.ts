import {
  carriedPayload,
  describePackages,
  expectEqual,
  expectLoaderValid,
  expectPayload,
  needInstalledLoader,
  packagesOf,
  scenario,
} from "../../harness/index.ts";

/**
 * 1. upgrade to the candidate, which leaves the boot loader alone until the reboot; 2. with the next boot bootupd's service has put
 * the new payload on the EFI system partition of each disk that the root lies on (by hand where the image never runs it); an older one
 * is left alone; 3. roll back: the old system boots by the boot loader that is there, and bootupd does not downgrade it.
 */
export default scenario({
  summary:
    "An upgrade brings its boot loader to the EFI system partition, and the old system boots by it",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    promises: ["bootupd"],
    firmware: ["uefi"],
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 12,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, note, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    const installed = await needInstalledLoader(guest, skip);
    const { bootupd, version, payload: old, whole: ours } = installed;
    if (ours.length === 0)
      skip("The EFI system partition does not have the boot loader of the previous image.");

    const before = await step("the upgrade leaves the boot loader alone", async () => {
      const partitions = await bootupd.partitions();
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      expectEqual("The EFI system partitions", await bootupd.partitions(), partitions);
      return partitions;
    });
    await step("the new boot has the new payload on each EFI system partition", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      await guest.systemd.settled();
      const payload = await carriedPayload(bootupd, version);
      if (JSON.stringify(payload) === JSON.stringify(old))
        skip("The two images carry the same boot loader, so an update has nothing to do.");
      const EFI = (await bootupd.status())?.components["EFI"];
      if (EFI?.updatable === "would-downgrade") {
        note("The new image carries an older boot loader, which bootupd leaves alone.");
        expectEqual("The EFI system partitions", await bootupd.partitions(), before);
        return;
      }
      note(await bootupd.afterBoot(installed.service));
      await expectPayload(bootupd, ours, { payload, before: old });
      const now = (await bootupd.status())?.components["EFI"];
      expectEqual("What bootupd says of EFI", now?.updatable, "at-latest-version");
      if (now !== undefined)
        note(`The boot loader is now ${describePackages(packagesOf(now.installed))}.`);
    });
    await step("bootupd finds nothing changed", () => expectLoaderValid(bootupd));
    await step("the old system boots by the boot loader that is there, which stays", async () => {
      const partitions = await bootupd.partitions();
      await guest.bootc.rollback();
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
      await guest.systemd.settled();
      expectEqual("The EFI system partitions", await bootupd.partitions(), partitions);
    });
  },
});
