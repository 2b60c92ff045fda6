import { bootupdOf, expectEqual, expectThat, scenario } from "../../harness/index.ts";

/**
 * 1. upgrade to the candidate, which leaves the boot loader alone until the reboot; 2. with the next boot bootupd's service has
 * put the new payload on the EFI system partition (by hand where the image does not enable it); 3. roll back: the old system
 * boots by the new boot loader, and bootupd does not downgrade it.
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
    const bootupd = bootupdOf(guest);
    const before = await bootupd.status();
    if (before?.components["EFI"] === undefined)
      skip("The disk of the previous image was not installed by bootupd.");

    const old = await step("the upgrade leaves the boot loader alone", async () => {
      const partitions = await bootupd.partitions();
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      expectEqual("The EFI system partitions", await bootupd.partitions(), partitions);
      return partitions;
    });
    await step("the new boot has the new payload on each EFI system partition", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      const { stdout } = await guest.attempt`systemctl is-enabled bootloader-update.service`;
      if (stdout.trim() === "enabled") await guest.systemd.settled();
      else {
        note("The image does not enable bootloader-update.service: 'bootupctl update' was called.");
        await bootupd.run("update");
      }
      const payload = await bootupd.payload();
      for (const { device, files } of await bootupd.partitions()) {
        const other = Object.entries(payload).filter(([path, hash]) => files[path] !== hash);
        expectEqual(
          `What of the new payload ${device} does not have`,
          other.map(([path]) => path),
          [],
        );
      }
    });
    await step("bootupd says so, and finds nothing changed", async () => {
      const { EFI } = (await bootupd.status())?.components ?? {};
      expectEqual("What bootupd says of EFI", EFI?.updatable, "at-latest-version");
      const { isValid, said } = await bootupd.validate();
      expectThat(isValid, "The boot loader is not as bootupd installed it.", { said });
      if (JSON.stringify(await bootupd.partitions()) === JSON.stringify(old))
        note("The two images carry the same boot loader, so nothing had to change.");
    });
    await step("the old system boots by the new boot loader, which stays", async () => {
      const partitions = await bootupd.partitions();
      await guest.bootc.rollback();
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
      await guest.systemd.settled();
      expectEqual("The EFI system partitions", await bootupd.partitions(), partitions);
    });
  },
});
