import { expectEqual, expectMenu, expectThat, grubOf, scenario } from "../../harness/index.ts";

/**
 * 1. on a disk of the candidate grub.cfg is a file that reads boot loader entries and that no script wrote, and ostree leaves it
 * alone; 2. the menu has one entry for each deployment, and the booted one is its default, there and, on a disk of the previous
 * image, after an upgrade and after a rollback; 3. grub.cfg stays as it was, to the byte.
 */
export default scenario({
  summary:
    "GRUB's configuration never changes; the menu and its default come from boot loader entries",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous", "candidate"],
    publishes: ["previous", "candidate"],
    promises: ["static-grub"],
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 12,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, skip }) {
    {
      await using fresh = await boot(v2);
      if ((await fresh.backend()) !== "ostree")
        skip("bootc's composefs backend writes its boot loader entries itself.");
      const grub = grubOf(fresh);
      await step("grub.cfg reads boot loader entries, and no script wrote it", async () => {
        const { isLink, readsEntries, scripts, isByMkconfig, kernels, unclosed, text } =
          await grub.config();
        expectThat(!isLink, "/boot/grub2/grub.cfg is a link, so ostree writes the menu.");
        expectThat(
          readsEntries,
          "/boot/grub2/grub.cfg does not read boot loader entries (blscfg).",
        );
        expectEqual("The list of sections that scripts wrote", scripts, []);
        expectThat(!isByMkconfig, "/boot/grub2/grub.cfg was made by grub2-mkconfig.");
        expectEqual("The list of kernels that it starts without an entry", kernels, []);
        expectEqual("The list of drop-ins without an end of line", unclosed, []);
        expectThat(!/ostree/.test(text), "/boot/grub2/grub.cfg speaks of ostree.");
        const bootloader = await grub.ostreeBootloader();
        expectEqual("sysroot.bootloader of ostree's repository", bootloader, "none");
      });
      await step("the menu has one entry for each deployment", () => expectMenu(fresh));
    }
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    const grub = grubOf(guest);
    const { isLink, readsEntries, text: config } = await grub.config();
    if (isLink || !readsEntries) skip("The disk of the previous image has a menu that changes.");
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
