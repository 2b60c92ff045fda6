import {
  bootupdOf,
  expectEqual,
  expectMenu,
  expectMigrated,
  expectNoFailedUnit,
  grubOf,
  isByOldMenu,
  makeOldMenu,
  scenario,
  skipUnlessPromised,
  whyNoMigration,
} from "../../harness/index.ts";

/**
 * 1. from v2, with v1 for rollback: an old-style host, whose menu ostree writes, boots by that menu, and bootupd's own unit migrates it at this boot, as the image's
 * drop-in has it do, without a person; 2. a rollback and 3. an upgrade boot by the right entry, and the menu stays as it is. The host is made an old one by the harness, since nothing
 * installs such hosts any more; what is reported is the migration.
 */
export default scenario({
  summary:
    "An old host whose menu ostree writes is migrated to static GRUB by a unit of the image at its next boot",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    promises: ["static-grub", "bootupd"],
    from: "upgraded",
  },
  suite: "full",
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 14,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, note, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v2);
    await using guest = await boot(v1, { follows: stable });
    if ((await guest.backend()) !== "ostree")
      skip("bootc's composefs backend never had a menu that ostree writes.");
    const grub = grubOf(guest);
    const { isLink, readsEntries } = await grub.config();
    if (isLink || !readsEntries) skip("The disk of the previous image has a menu that changes.");
    await guest.systemd.settled();
    if ((await bootupdOf(guest).status()) === null)
      skipUnlessPromised(
        { image: v2, promise: "bootupd", skip },
        "The image does not have bootupctl.",
      );
    const why = await whyNoMigration(guest);
    if (why !== null) skip(why);

    const old = await makeOldMenu(guest);
    const migrated = await step("the next boot migrates the host", async () => {
      await guest.reboot();
      await guest.systemd.settled();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      await expectMigrated(guest, old);
      await expectNoFailedUnit(guest);
      return grub.config();
    });
    if (!(await isByOldMenu(guest)))
      note("GRUB did not take the entry that ostree's script wrote, but one that the menu reads.");
    await step("a rollback boots by the old entry", async () => {
      await guest.bootc.rollback();
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
      await expectMenu(guest);
    });
    await step("an upgrade boots by its own entry, and leaves the menu as it is", async () => {
      await guest.bootc.upgrade();
      await guest.reboot();
      await guest.systemd.settled();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      await expectMenu(guest);
      await expectMigrated(guest, old);
      expectEqual("grub.cfg", (await grub.config()).text, migrated.text);
    });
  },
});
