/**
 * Named ways in which the simulated guest can be wrong. A scenario is worth its name only if it fails against the
 * sabotages meant for it, so each entry says what goes wrong and whose fault a good judge must find it.
 */

interface Sabotage {
  /** What goes wrong, as a sentence. */
  readonly text: string;
  /** `image`: only where the sabotaged image runs. `system`: whichever image runs. */
  readonly where: "image" | "system";
  /** The outcome a scenario that notices it must have. */
  readonly outcome: "failed" | "broken";
}

const inImage = (text: string): Sabotage => ({ text, where: "image", outcome: "failed" });
const inSystem = (text: string): Sabotage => ({ text, where: "system", outcome: "failed" });

export const sabotages = {
  "panics-on-boot": inImage("The kernel panics before it finds its root file system."),
  "virtio-only": inImage("The initramfs has the drivers of virtio's disks alone."),
  "tpm-refuses": inImage("What it measures is not what the TPM's token is bound to."),
  "tpm-forgets": inSystem("After a rollback the TPM does not open the root any more."),
  "unsigned-boot": inImage("Nobody signed its boot loader."),
  "failed-unit": inImage("A unit fails at boot and the system is degraded."),
  "no-composefs": inImage("/ is a plain ext4 that can be written."),
  "composefs-flag-only": inImage("Every flag says composefs, but / is a plain ext4, read-only."),
  "other-composefs": inImage(
    "/ is a composefs image, but not the one that the kernel arguments name.",
  ),
  "initramfs-differs": inImage("The initramfs has another setting of the root than the image."),
  "initramfs-stale": inSystem("An image boots with the initramfs of the one below it."),
  "kernel-stays": inSystem("An image with another kernel boots that of the image below it."),
  "old-kernel-left": inSystem("The folder of a kernel that an image took away is still there."),
  "kernel-incomplete": inSystem("Modules of the kernel's package are not there."),
  "entry-keeps-kernel": inSystem("The boot loader's entry of an image names the kernel before it."),
  "verity-off": inImage("The image requires fs-verity, and / is mounted without."),
  "verity-blind": inImage("A changed object is read although the image requires fs-verity."),
  "blocks-unchecked": inImage(
    "A block that was changed on the disk is read although the image requires fs-verity.",
  ),
  "object-damaged": inSystem("An object of the repository is damaged."),
  "object-lost": inSystem("An object of the repository is gone."),
  "object-mislabelled": inSystem(
    "An object has another SELinux label than it was named by; the root's image has the right one.",
  ),
  "fsck-blind": inSystem("`ostree fsck` finds nothing wrong with a changed object."),
  "etc-forgets": inSystem("/etc is as the image ships it at each boot."),
  "image-unchecked": inSystem("It boots from an image of its root that was changed."),
  "second-boot-dies": inImage("The kernel panics at each boot but the first."),
  "refusal-untold": {
    text: "A boot from a changed image dies of something else.",
    where: "system",
    outcome: "broken",
  },
  "sysroot-writable": inImage("/sysroot can be written."),
  "usr-writable": inImage("/ is composefs, but /usr can be written."),
  "grub-scripted": inSystem("A script of ostree's wrote a menu into grub.cfg."),
  "bootupd-empty": inImage("bootupd does not know of any component."),
  "esp-stale": inImage("bootloader-update.service leaves the EFI system partition as it was."),
  "update-unit-kept": inImage("bootloader-update.service is enabled and is kept from starting."),
  "update-unit-lost": inImage("bootloader-update.service is not enabled any more."),
  "dropped-file-kept": inImage(
    "bootupd leaves a file that the new payload does not have any more.",
  ),
  "half-update-kept": inImage("bootupd leaves what an update that was cut off has begun."),
  "payload-mixed": inImage("It carries two versions of shim, each another file."),
  "status-text-differs": inImage("`bootupctl status` tells a person another version."),
  "update-interrupted": inImage("bootupd says that an update was interrupted."),
  "bootupctl-missing": inImage("The image does not have bootupctl."),
  "soft-reboot-full": inSystem("What is to be a soft reboot restarts the machine."),
  "soft-reboot-denied": inSystem("bootc says of no deployment that it can be booted softly."),
  "esp-differs": inImage("The EFI system partition has another GRUB than the image's payload."),
  "validate-blind": inImage("`bootupctl validate` finds everything valid."),
  "second-esp-stale": inImage("bootupd updates the first of the EFI system partitions only."),
  "other-disk-written": inImage("bootupd updates the EFI system partition of every disk."),
  "state-unread": inImage("bootupd does not read the form in which it first wrote its state."),
  "state-stays-old": inImage("bootupd leaves its state in the form in which it found it."),
  "counter-ignored": inSystem("GRUB does not look at the boot counter."),
  "counter-sticks": inSystem("GRUB cannot write its environment, so the boot counter stays."),
  "fallback-forgotten": inSystem("GRUB counts boots and starts the first entry all the same."),
  "default-grub-read": inSystem("The kernel gets what /etc/default/grub says."),
  "grub-remade": inSystem("grub.cfg was made by grub2-mkconfig, and reads entries."),
  "mkconfig-runs": inImage("Something writes grub.cfg again at each boot."),
  "scripts-go-on": inImage("The migration leaves ostree to run the scripts of grub2-mkconfig."),
  "menu-order": inImage("The old deployment is the first entry of the boot menu."),
  "migration-forgets": inSystem("The migration to static GRUB leaves the link to ostree's menu."),
  // Without a root channel nobody can tell it from an image without an sshd.
  "loses-network": {
    text: "User space comes up and nothing answers on SSH.",
    where: "image",
    outcome: "broken",
  },
  "journal-fatal": inImage("The journal has a segmentation fault and a dumped core."),
  "nobody-logged-in": inImage("Nobody is logged in on the first seat, and nothing is on its way."),
  "display-manager-dies": inImage("The display manager fails."),
  "display-manager-loops": inImage("systemd starts the display manager again and again."),
  "graphical-missed": inImage("graphical.target is not reached."),
  "way-back-unarmed": inSystem("What prepares the way back from a red boot is not enabled."),
  "success-untold": inSystem("GRUB is not told that a boot was green."),
  "green-untold": inSystem("Nothing tells a person that a boot is green."),
  "wanted-counts": inSystem("A wanted check that fails makes the boot red."),
  "red-stays": inSystem("A red boot does not restart the machine."),
  "red-lasts": inSystem("A red deployment has one boot more than is stated."),
  "counter-stays": inSystem("The boot counter is still there after a green boot."),
  "fallback-untold": inSystem("Nothing tells of a fallback."),
  "fallback-passes": inSystem(
    "The deployment that was left is the default again after a fallback.",
  ),
  "medium-written": inImage("Something writes to the medium that it was booted from."),
  "installs-another": inSystem("The disk holds another image than the one that was named."),
  "stays-on-old": inSystem("The finalisation of the staged deployment fails at shutdown."),
  "loses-rollback": inSystem("After an upgrade there is no rollback deployment."),
  "loses-staged": inSystem("An upgrade says it has queued an image, and nothing is staged."),
  "upgrade-noop-stages": inSystem("An upgrade with nothing new stages the same image again."),
  "wrong-digest": inSystem("The deployment that boots has another digest than the staged one."),
  "etc-merge-lost": inSystem("Local changes in /etc are gone after an upgrade."),
  "flatpaks-lost": inSystem("Flatpaks are gone from a system that nothing is layered on."),
  "var-lost": inSystem("/var is empty after an upgrade, and after a power cut."),
  "switch-ignored": inSystem("`bootc switch` exits 0 and changes nothing."),
  "follow-fails": {
    text: "No process may have a mount namespace of its own.",
    where: "system",
    outcome: "broken",
  },
  "follow-hangs": {
    text: "`unshare` never returns.",
    where: "system",
    outcome: "broken",
  },
  "follow-ignored": {
    text: "`bootc switch --mutate-in-place` exits 0 and changes nothing.",
    where: "system",
    outcome: "broken",
  },
  "upgrade-deaf": inSystem("`bootc upgrade` exits 0 and looks nowhere for an update."),
  "bound-ignored": inSystem(
    "`bootc upgrade` does not fetch the images that the update is bound to.",
  ),
  "bound-untold": inSystem(
    "`bootc upgrade` refuses an update whose bound images cannot be had for another reason than that.",
  ),
  "bound-staged": inSystem(
    "`bootc upgrade` stages an update whose bound images cannot be had, and then says that it failed.",
  ),
  "adopts-nothing": inSystem("bootupd adopts nothing and says so."),
  "adopts-badly": inSystem("bootupd removes what it does not know when it adopts."),
  "update-gives-up": inSystem("An update of the boot loader that was cut off is never completed."),
  "old-entry-dead": inSystem("GRUB cannot load the kernel of the older entry of its menu."),
  "picked-stays": inSystem("An entry that is picked in the menu becomes the default."),
  "menu-doubles": inSystem("The menu shows each entry twice."),
  "menu-doubles-first": inSystem("The menu shows the first entry twice."),
  "menu-hides": inSystem("The menu shows the first entry only."),
  "cut-applies": inSystem("What is staged is applied although the power was cut."),
  "cut-leaves-nothing": inSystem("A power cut during an upgrade leaves nothing to boot."),
  "cut-leaves-another": inSystem("A power cut during an upgrade leaves neither of its images."),
  "cut-loses-rollback": inSystem(
    "A power cut during an upgrade leaves the new image without the old one.",
  ),
  "keeps-layers": inSystem("Layers that no deployment needs stay."),
  "prunes-pinned": inSystem("The layers of a pinned deployment are removed."),
  "loses-layers": inSystem("A layer of the deployment for rollback is removed."),
  "keeps-deployments": inSystem(
    "bootc's composefs backend removes nothing of a deployment that is gone.",
  ),
  "loses-deployments": inSystem(
    "bootc's composefs backend removes what the deployment for rollback needs.",
  ),
  "half-pull-staged": inSystem("A pull that breaks off is staged."),
  "half-pull-kept": inSystem("A layer that did not come whole is kept as if it had."),
  "trouble-drops-staged": inSystem("A pull that fails drops what is staged."),
  "trouble-swallowed": inSystem("`bootc upgrade` exits 0 where the registry answers wrongly."),
  "trouble-unsaid": inSystem("`bootc upgrade` fails without a word."),
  "pull-stuck": inSystem("Once a pull has failed, no other works."),
  "gone-drops-rollback": inSystem(
    "An upgrade whose image is gone from the registry removes the deployment for rollback.",
  ),
  "older-ignored": inSystem(
    "`bootc upgrade` takes an image that is kept for rollback for nothing new.",
  ),
  "digest-forgotten": inSystem("After a switch to a digest the origin names a tag."),
  "index-first": inSystem("bootc takes the first image of an index, whatever it is for."),
  "architecture-unsaid": inSystem("bootc does not say what an index does not have."),
  "config-broken": inImage("A file in /usr/lib/bootc/install cannot be read."),
  "config-not-merged": inSystem("The machine's own installation configuration is not read."),
  "lint-fails": inImage("A file in /usr/lib/bootc/kargs.d is not what bootc reads."),
  "ships-usr-etc": inImage("It ships files in /usr/etc, beside those of /etc."),
  "rollback-ignored": inSystem("`bootc rollback` exits 0 and changes nothing."),
  "check-cries": inSystem("`bootc upgrade --check` tells of an update where there is none."),
  "check-cries-itself": inSystem(
    "`bootc upgrade --check` tells of an update to the very image that is booted and was pulled.",
  ),
  "policy-rejects": {
    text: "The signature policy of the system does not take images that are not signed.",
    where: "system",
    outcome: "broken",
  },
  "signatures-ignored": inSystem("Images are taken whatever the policy says of their signatures."),
  "keys-ignored": inSystem("A signature counts whichever key it was made with."),
  "digests-ignored": inSystem("A signature counts for an image that it was not made for."),
  "signed-refused": inSystem("An image is refused that is signed as the policy demands."),
  "refusal-drops-staged": inSystem("A pull that is refused drops what was staged."),
  "refusal-leaves-layers": inSystem(
    "A pull that is refused leaves the image's layers in the store.",
  ),
  "policy-untold": inSystem("`bootc switch --enforce-container-sigpolicy` enforces nothing later."),
  "enforcement-forgotten": inSystem(
    "An origin that asks for signatures is followed although the policy takes anything.",
  ),
  "check-stages": inSystem("`bootc upgrade --check` stages the update that it finds."),
  "check-blind": inSystem("`bootc upgrade --check` does not see the update."),
  "download-applies": inSystem("What was downloaded only is applied at the next reboot."),
  "apply-ignored": inSystem("`bootc upgrade --apply` stages and does not reboot."),
  "rollback-sticks": inSystem("A second `bootc rollback` does not take the first one back."),
  "rollback-keeps-staged": inSystem("`bootc rollback` leaves the staged deployment where it is."),
  "overlay-ignored": inSystem("`bootc usr-overlay` exits 0 and /usr stays closed."),
  "overlay-private": inSystem("The overlay on /usr shuts everybody but root out of it."),
  "overlay-untold": inSystem("`bootc status` does not tell of the overlay on /usr."),
  "overlay-stays": inSystem("The overlay on /usr outlives a reboot."),
  "overlay-open": inSystem("The overlay of a transient transaction can be written by everybody."),
  "dnf-missing": inImage("The image does not have dnf5."),
  "dnf-opens-usr": inSystem("dnf5 opens /usr where it should refuse."),
  "dnf-refuses-late": inSystem("dnf5 fetches metadata before it refuses."),
  "dnf-persists": inSystem("dnf5 takes a persistent transaction for a transient one."),
  "dnf-locks-usr": inSystem("dnf5 keeps its lock below /usr, where nothing can be written."),
  "dnf-claims-bootc": inSystem("dnf5 takes every system for one of bootc."),
  "drift-ignored": inSystem("dnf5 protects no path from drift."),
  "scriptlets-skipped": inSystem("dnf5 runs no scriptlet."),
  "removal-leaves-files": inSystem("Files of a package that was removed from an image stay in it."),
  "database-stays": inSystem("After an upgrade the package database is the old image's."),
  "history-stays": inSystem("dnf5's history tells of a transient transaction of the boot before."),
  "kargs-lost": inSystem("Kernel arguments that an image ships are not applied."),
  "kargs-stay": inSystem("Kernel arguments that the image does not ship any more stay."),
  "kargs-doubled": inSystem("An upgrade adds arguments of the machine a second time."),
  "loses-pinned": inSystem("An upgrade removes a pinned deployment."),
  "bad-update-hidden": inSystem("A unit that fails leaves the system `running`."),
  "upgrades-layered": inSystem("`bootc upgrade` takes layered packages for an image's own."),
  "incompatible-hidden": inSystem("`bootc status` does not tell layered packages."),
  "override-ignored": inSystem("`rpm-ostree override` exits 0 and removes and replaces nothing."),
  "base-database-stale": {
    text: "rpm-ostree goes by an older list of the base's packages and does nothing for what it does not have.",
    where: "system",
    outcome: "broken",
  },
  "overrides-untold": inSystem(
    "`rpm-ostree status` does not tell removed and replaced packages of the base.",
  ),
  "layers-untold": inSystem("`rpm-ostree status` does not tell layered packages."),
  "wants-repositories": {
    text: "rpm-ostree asks repositories, which no guest can reach, to layer a package from a file.",
    where: "system",
    outcome: "broken",
  },
  "switch-fails-layered": inSystem("`bootc switch` fails on layered packages for another reason."),
  "rollback-to-layers": inSystem("`bootc rollback` goes back to layered packages."),
  "rpm-ostree-stays": inSystem("`rpm-ostree rollback` exits 0 and changes nothing."),
  "origin-of-before": inSystem("The origin after a switch names the image of before."),
  "origin-keeps": inSystem("The origin after a switch still has rpm-ostree's groups."),
  "status-schema": inSystem("`bootc status` lacks a required key."),
  "architecture-untold": inSystem("`bootc status` does not tell the image's architecture."),
  "status-wrong-type": inSystem("`bootc status` has text where an object belongs."),
  "same-boot": inSystem("`systemctl reboot` exits 0 and the same boot goes on."),
  "reboots-itself": inSystem("The guest restarts in mid-command although nobody asked it to."),
  floods: inSystem("Commands print 100 MB."),
  junk: inSystem("Commands print binary, escape codes and markup before their answer."),
  hangs: inSystem("Commands never return."),
  "drops-ssh": {
    text: "The connection drops in mid-command.",
    where: "system",
    outcome: "broken",
  },
  "machine-dies": {
    text: "The machine under the guest dies in mid-command.",
    where: "system",
    outcome: "broken",
  },
} as const satisfies Record<string, Sabotage>;

export type SabotageName = keyof typeof sabotages;

/** Which sabotage there is, if any, and in which image. */
export interface SabotagePlan {
  readonly sabotage: SabotageName | null;
  /** Digest of the image that carries an image's sabotage; in all images when null. */
  readonly sabotagedDigest: string | null;
}

/** True where `name` is at work while `digest` runs. */
export function isSabotaged(plan: SabotagePlan, name: SabotageName, digest: string): boolean {
  if (plan.sabotage !== name) return false;
  const { where } = sabotages[name];
  return where === "system" || plan.sabotagedDigest === null || plan.sabotagedDigest === digest;
}
