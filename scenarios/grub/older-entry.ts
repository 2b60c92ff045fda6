import {
  expectEqual,
  expectMenu,
  expectShown,
  expectThat,
  grubOf,
  scenario,
  showMenuOnce,
} from "../../harness/index.ts";

/**
 * 1. from v2, with v1 for rollback, reboot and start the older entry of GRUB's menu by keys: v1 runs, nothing else has changed, and the menu showed
 * each deployment once; 2. reboot without a key: v2 runs again, since picking an entry once does not make it the default.
 */
export default scenario({
  summary: "The older entry of the boot menu boots when somebody picks it, and stays the older one",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    promises: ["static-grub"],
    capabilities: ["keys"],
    from: "upgraded",
  },
  suite: "full",
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 12,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v2);
    await using guest = await boot(v1, { follows: stable });
    if ((await guest.backend()) !== "ostree")
      skip("With bootc's composefs backend the menu may be another loader's than GRUB.");
    const grub = grubOf(guest);
    const { isLink, readsEntries } = await grub.config();
    if (isLink || !readsEntries) skip("The disk of the previous image has a menu that changes.");

    const entries = await step("the menu has an entry for v1", async () => {
      await expectMenu(guest);
      return grub.entries();
    });
    await step("v1's entry, picked by keys, boots v1", async () => {
      const [, older] = entries.filter(({ deployment }) => deployment !== null);
      expectThat(older !== undefined, "The menu has one entry only.");
      const hidden = await showMenuOnce(guest);
      if (hidden !== null) skip(hidden);
      const shown = await guest.machine.rebootInto(older.title);
      expectShown(shown, entries);
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
      expectThat(
        (await guest.kernelArguments()).includes(older.deployment ?? ""),
        "The kernel was not booted by the entry that was picked.",
        { entry: older.title },
      );
      expectEqual("The boot loader entries", await grub.entries(), entries);
    });
    await step("the next boot is v2's again", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      await expectMenu(guest);
    });
  },
});
