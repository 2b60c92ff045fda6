import { expectEqual, expectMenu, expectThat, grubOf, scenario } from "../../harness/index.ts";

/**
 * 1. grub.cfg is a file that reads boot loader entries and that no script wrote, and ostree leaves it alone; 2. the menu has one
 * entry for each deployment, and the booted one is its default, at first, after an upgrade and after a rollback; 3. grub.cfg stays
 * as it was, to the byte.
 */
export default scenario({
  summary:
    "GRUB's configuration never changes; the menu and its default come from boot loader entries",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    promises: ["static-grub"],
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 12,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    if ((await guest.backend()) !== "ostree")
      skip("bootc's composefs backend writes its boot loader entries itself.");
    const grub = grubOf(guest);

    const config = await step(
      "grub.cfg reads boot loader entries, and no script wrote it",
      async () => {
        const found = await grub.config();
        expectThat(!found.isLink, "/boot/grub2/grub.cfg is a link, so ostree writes the menu.");
        expectThat(
          found.readsEntries,
          "/boot/grub2/grub.cfg does not read boot loader entries (blscfg).",
        );
        const written = found.sections.filter((name) => /(?:15_ostree|30_os-prober)$/.test(name));
        expectEqual("The sections of grub.cfg that scripts wrote", written, []);
        expectThat(!/ostree/.test(found.text), "/boot/grub2/grub.cfg speaks of ostree.");
        expectEqual(
          "sysroot.bootloader of ostree's repository",
          await grub.ostreeBootloader(),
          "none",
        );
        return found.text;
      },
    );
    await step("the menu has one entry for each deployment", () => expectMenu(guest));
    await step(
      "after an upgrade the new one is the default, and grub.cfg is as it was",
      async () => {
        await shelf.publish("os:stable", v2);
        await guest.bootc.upgrade();
        await guest.reboot();
        await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
        await expectMenu(guest);
        expectEqual("grub.cfg", (await grub.config()).text, config);
      },
    );
    await step("after a rollback the old one is, and grub.cfg is as it was", async () => {
      await guest.bootc.rollback();
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
      await expectMenu(guest);
      expectEqual("grub.cfg", (await grub.config()).text, config);
    });
  },
});
