/** A host from before static GRUB configurations, whose menu ostree writes, and what bootupd's migration has to make of it (coreos/bootupd, `src/bootupd.rs`). */
import { commands } from "../guest/commands.ts";
import type { Guest } from "../guest/guest.ts";
import { bootupdOf } from "../guest/tools/bootupd.ts";
import { updateUnit } from "../guest/tools/bootupd-service.ts";
import { whyNoMigration } from "../guest/tools/bootupd-unit.ts";
import { type GrubConfig, grubOf } from "../guest/tools/grub.ts";
import { expectEqual, expectThat } from "./expect.ts";
import { prepareGuest } from "./prepare-guest.ts";
import type { Stage } from "./scenario.ts";

/** What the kernel is told by the entry of that menu alone. */
const byOldMenu = "bootgate.by-old-menu=1";
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
  `echo "menuentry 'by ostree' { linux $kernel $options ${byOldMenu}"; echo "initrd $initrd"; echo '}'`,
  `echo '${end}'`,
  "cat /boot/grub2/grub.cfg; } > /run/dynamic.cfg",
  "cp /run/dynamic.cfg /boot/loader/grub.cfg",
  "ln -sfn ../loader/grub.cfg /boot/grub2/grub.cfg",
  "ostree config --repo=/ostree/repo unset sysroot.bootloader",
].join("\n");

/** Makes a guest such a host, since nothing installs them any more. Returns the configuration that it has then. Throws CannotTell where that could not be done. */
export async function makeOldMenu(guest: Guest): Promise<GrubConfig> {
  await prepareGuest(guest, "made an old-style host", commands.inBoot(makeDynamic));
  return grubOf(guest).config();
}

/**
 * Ends the story by `skip` where the image's bootupd does not know the verb that migrates old menus, and by ExpectationFailed where the image has its
 * own unit call it all the same.
 */
export async function needMigration(guest: Guest, skip: Stage["skip"]): Promise<void> {
  if (await bootupdOf(guest).canMigrate()) return;
  expectThat(
    (await whyNoMigration(guest)) !== null,
    `${updateUnit} calls 'bootupctl migrate-static-grub-config', which its bootupd does not know.`,
  );
  skip(
    "This bootupd does not migrate old menus: the command for it came in January 2025 (coreos/bootupd#790).",
  );
}

/** Whether this boot was by the entry of that menu, and not by one that the menu reads besides. */
export const isByOldMenu = async (guest: Guest): Promise<boolean> =>
  (await guest.kernelArguments()).includes(byOldMenu);

/** A file is in the place of the link, without ostree's section and with a backup of what was there, and ostree writes no menu from now on. */
export async function expectMigrated(guest: Guest, old: GrubConfig): Promise<void> {
  const grub = grubOf(guest);
  const { isLink, sections, readsEntries } = await grub.config();
  expectThat(!isLink, "/boot/grub2/grub.cfg is still a link.");
  expectThat(readsEntries, "/boot/grub2/grub.cfg does not read boot loader entries (blscfg).");
  expectEqual(
    "ostree's sections of grub.cfg",
    sections.filter((name) => name.endsWith("15_ostree")),
    [],
  );
  expectEqual("grub.cfg.backup", await guest.files.read("/boot/grub2/grub.cfg.backup"), old.text);
  expectEqual("sysroot.bootloader of ostree's repository", await grub.ostreeBootloader(), "none");
}
