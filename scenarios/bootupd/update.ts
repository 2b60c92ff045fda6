import { bootupdOf, differences, expectEqual, expectThat, scenario } from "../../harness/index.ts";

const unit = "bootloader-update.service";

/**
 * 1. upgrade to the candidate, which leaves the boot loader alone until the reboot; 2. with the next boot bootupd's service has
 * put the new payload on the EFI system partition (by hand where the image never runs it); an older one is left alone; 3. roll
 * back: the old system boots by the boot loader that is there, and bootupd does not downgrade it.
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
    await guest.systemd.settled();
    const before = (await bootupd.status())?.components["EFI"]?.installed.version;
    if (before === undefined)
      return skip("The disk of the previous image was not installed by bootupd.");
    const oldPayload = await bootupd.payload(before);
    const ours = (await bootupd.partitions()).flatMap((one) =>
      differences(oldPayload, one).length === 0 ? [one.device] : [],
    );
    if (ours.length === 0)
      skip("The EFI system partition does not have the boot loader of the previous image.");

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
      await guest.systemd.settled();
      const payload = await bootupd.payload(before);
      if (JSON.stringify(payload) === JSON.stringify(oldPayload))
        skip("The two images carry the same boot loader, so an update has nothing to do.");
      const has = (await bootupd.status())?.components["EFI"]?.updatable;
      if (has === "would-downgrade") {
        note("The new image carries an older boot loader, which bootupd leaves alone.");
        expectEqual("The EFI system partitions", await bootupd.partitions(), old);
        return;
      }
      if (await bootupd.serviceRan()) note(`${unit} ran at this boot.`);
      else {
        note(`${unit} does not run in this image: 'bootupctl update' was called.`);
        await bootupd.run("update");
      }
      for (const partition of await bootupd.partitions())
        if (ours.includes(partition.device))
          expectEqual(
            `What of the new payload ${partition.device} does not have`,
            differences(payload, partition),
            [],
          );
      expectEqual(
        "What bootupd says of EFI",
        (await bootupd.status())?.components["EFI"]?.updatable,
        "at-latest-version",
      );
    });
    await step("bootupd finds nothing changed", async () => {
      const { isValid, said } = await bootupd.validate();
      expectThat(isValid, "The boot loader is not as bootupd installed it.", { said });
    });
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
