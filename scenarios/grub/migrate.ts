import {
  bootupdOf,
  expectEqual,
  expectMenu,
  expectMigrated,
  grubOf,
  makeOldMenu,
  needMigration,
  scenario,
  skipUnlessPromised,
} from "../../harness/index.ts";

/**
 * 1. upgrade to the candidate, whose bootupd it is that migrates; 2. an old-style host, whose menu ostree writes, is migrated: a
 * file in place of the link, without ostree's section, with a backup; 3. once more it has nothing to do; 4. the host is rolled back
 * and upgraded again, each time by the right entry. The host is made an old one by the harness, since nothing installs such hosts
 * any more; what is reported is the migration.
 */
export default scenario({
  summary:
    "An old host whose menu ostree writes is migrated to static GRUB, and upgrades and rolls back after it",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    promises: ["static-grub", "bootupd"],
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 17,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    if ((await guest.backend()) !== "ostree")
      skip("bootc's composefs backend never had a menu that ostree writes.");
    const grub = grubOf(guest);
    const bootupd = bootupdOf(guest);
    await step("upgrade to the candidate", async () => {
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      await guest.systemd.settled();
    });
    if ((await bootupd.status()) === null)
      skipUnlessPromised(
        { image: v2, promise: "bootupd", skip },
        "The image does not have bootupctl.",
      );
    await needMigration(guest, skip);

    const old = await makeOldMenu(guest);
    await step("bootupd migrates the host", async () => {
      await bootupd.run("migrate-static-grub-config");
      await expectMigrated(guest, old);
    });
    await step("once more it has nothing to do", async () => {
      const { text } = await grub.config();
      await bootupd.run("migrate-static-grub-config");
      expectEqual("grub.cfg", (await grub.config()).text, text);
    });
    await step("a rollback boots by the old entry", async () => {
      await guest.bootc.rollback();
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
      await expectMenu(guest);
    });
    await step("an upgrade boots by its own entry", async () => {
      await guest.bootc.upgrade();
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      await expectMenu(guest);
    });
  },
});
