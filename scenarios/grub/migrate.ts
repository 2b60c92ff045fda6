import {
  bootupdOf,
  commands,
  expectEqual,
  expectMenu,
  expectThat,
  grubOf,
  prepareGuest,
  scenario,
} from "../../harness/index.ts";

const begin = "### BEGIN /etc/grub.d/15_ostree ###";
const end = "### END /etc/grub.d/15_ostree ###";

/** What makes an old-style host of one with a static menu: ostree's script has written the menu of `/boot/loader/grub.cfg`. */
const makeDynamic = [
  "set -e",
  // ostree gives the highest number to the entry that boots by itself.
  "entry=$(ls /boot/loader/entries/ostree-*.conf | sort -V | tail -n 1)",
  "kernel=$(sed -n 's/^linux *//p' \"$entry\")",
  "initrd=$(sed -n 's/^initrd *//p' \"$entry\")",
  "options=$(sed -n 's/^options *//p' \"$entry\")",
  `{ echo '${begin}'`,
  `echo "menuentry 'by ostree' { linux $kernel $options"; echo "initrd $initrd"; echo '}'`,
  `echo '${end}'`,
  "cat /boot/grub2/grub.cfg; } > /run/dynamic.cfg",
  "cp /run/dynamic.cfg /boot/loader/grub.cfg",
  "ln -sfn ../loader/grub.cfg /boot/grub2/grub.cfg",
  "ostree config --repo=/ostree/repo unset sysroot.bootloader",
].join("\n");

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
    if ((await bootupd.status()) === null) skip("The image does not have bootupctl.");

    await prepareGuest(guest, "made an old-style host", commands.inBoot(makeDynamic));
    const old = await grub.config();
    await step("bootupd migrates the host", async () => {
      await bootupd.run("migrate-static-grub-config");
      const { isLink, sections, readsEntries } = await grub.config();
      expectThat(!isLink, "/boot/grub2/grub.cfg is still a link.");
      expectThat(readsEntries, "/boot/grub2/grub.cfg does not read boot loader entries (blscfg).");
      expectEqual(
        "ostree's sections of grub.cfg",
        sections.filter((name) => name.endsWith("15_ostree")),
        [],
      );
      expectEqual(
        "grub.cfg.backup",
        await guest.files.read("/boot/grub2/grub.cfg.backup"),
        old.text,
      );
      expectEqual(
        "sysroot.bootloader of ostree's repository",
        await grub.ostreeBootloader(),
        "none",
      );
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
