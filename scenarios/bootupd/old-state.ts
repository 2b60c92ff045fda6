import {
  commands,
  expectEqual,
  expectLoaderWell,
  expectNewLoader,
  expectThat,
  type Guest,
  grubOf,
  inOldestForm,
  needInstalledLoader,
  packagesOf,
  parseSavedState,
  prepareGuest,
  scenario,
} from "../../harness/index.ts";

const state = "/boot/bootupd-state.json";
const oldState = "/var/lib/bootgate-bootupd-state.json";

/** Words of ostree.repo-config(5) by which ostree finds out by itself what writes its menus, as without any. */
const foundOut = [null, "auto", "grub2"];

/**
 * What tells ostree that the menu is a static one, which it learns from bootupd's state where nobody has set it (ostree, `ostree-bootloader-grub2.c`), and the oldest
 * form does not tell: on composefs grub2-mkconfig would fail then (ostreedev/ostree#3198). A host that was migrated to a static menu has it so; one whose menu
 * ostree writes keeps it.
 */
async function tellingOstree(guest: Guest, isStatic: boolean): Promise<string> {
  if (!isStatic || (await guest.backend()) !== "ostree") return "";
  return foundOut.includes(await grubOf(guest).ostreeBootloader())
    ? "ostree config --repo=/ostree/repo set sysroot.bootloader none && "
    : "";
}

/**
 * 1. the host is made one that was installed years ago: bootupd's state has the form of its first releases, and the previous image's
 * boot loader is there; 2. upgrade to the candidate, whose bootupd reads that state and brings its boot loader; 3. the state is in the
 * form of today then, and says what is there. The harness changes the form, since nothing installs such hosts any more.
 */
export default scenario({
  summary:
    "bootupd reads the state of its first releases, updates the boot loader and writes its state as it does today",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    promises: ["bootupd"],
    firmware: ["uefi"],
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 10,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, note, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    const installedBefore = await needInstalledLoader(guest, skip);
    const { bootupd, whole } = installedBefore;
    if (whole.length === 0)
      skip("The EFI system partition does not have the boot loader of the previous image.");
    const memory = await guest.files.read(state);
    if (memory === null)
      return skip("bootupd keeps its state elsewhere than in /boot, as with systemd-boot.");
    const { hasStaticConfig } = parseSavedState(memory, guest.name);
    await guest.files.write(oldState, inOldestForm(memory, guest.name));
    await prepareGuest(
      guest,
      "given bootupd's state in its oldest form",
      commands.inBoot(`${await tellingOstree(guest, hasStaticConfig)}cp ${oldState} ${state}`),
    );

    const payload = await step("the candidate's bootupd reads it and updates", async () => {
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      return expectNewLoader(guest, installedBefore, { skip, note });
    });
    await step("its state has today's form and says what is there", async () => {
      const text = await guest.files.read(state);
      expectThat(text !== null, "/boot/bootupd-state.json is not there.");
      const { form, installed } = parseSavedState(text, guest.name);
      expectThat(
        form !== "zoneless",
        "bootupd's state still has the form of bootupd's first releases.",
      );
      const EFI = (await bootupd.status())?.components["EFI"];
      expectEqual("The version of EFI in it", installed["EFI"]?.version, EFI?.installed.version);
      if (EFI !== undefined)
        expectEqual(
          "The packages of EFI in it",
          installed["EFI"]?.packages,
          packagesOf(EFI.installed),
        );
      const forgotten = Object.keys(payload).filter(
        (path) => installed["EFI"]?.files?.includes(path) !== true,
      );
      expectEqual("The list of files that it forgot", forgotten, []);
      await expectLoaderWell(bootupd);
    });
  },
});
