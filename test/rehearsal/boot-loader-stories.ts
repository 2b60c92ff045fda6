/** What the stories of bootupd and of static GRUB must catch, and which of them a system of bootc's composefs backend cannot have judged. */
import type { Caught } from "./dnf5-stories.ts";

export const bootLoaderCaught: Readonly<Record<string, readonly Caught[]>> = {
  "bootupd/status": [
    ["esp-differs", "failed", /^each EFI system partition has the image's payload$/],
    ["payload-mixed", "failed", /^each EFI system partition has the image's payload$/],
    ["update-interrupted", "failed", /^bootupd knows its components, and none is out of date$/],
    ["status-text-differs", "failed", /^it tells a person the same$/],
  ],
  "bootupd/update": [
    ["esp-stale", "failed", /^the new boot has the new payload/],
    ["update-unit-kept", "failed", /^the new boot has the new payload/],
    ["update-unit-lost", "failed", /^the new boot has the new payload/],
    ["dropped-file-kept", "failed", /^the new boot has the new payload/],
    ["payload-mixed", "failed", /^the new boot has the new payload/],
    ["stays-on-old", "failed", /^the new boot has the new payload/],
  ],
  "bootupd/drift": [["validate-blind", "failed", /^a changed file is named$/]],
  "grub/static-menu": [
    ["grub-remade", "failed", /^grub\.cfg reads boot loader entries/],
    ["grub-scripted", "failed", /^grub\.cfg reads boot loader entries/],
    ["menu-order", "failed", /^(?:after an upgrade the new one is the default|the menu has one)/],
    ["mkconfig-runs", "failed", /^after an upgrade the new one is the default/],
  ],
  "bootupd/adopt": [
    ["adopts-nothing", "failed", /^it is adopted, with the image's payload/],
    ["adopts-badly", "failed", /^it is adopted, with the image's payload/],
  ],
  "bootupd/interrupted": [
    ["esp-stale", "failed", /^the candidate brings its boot loader$/],
    ["update-unit-kept", "failed", /^the candidate brings its boot loader$/],
    ["update-unit-lost", "failed", /^the candidate brings its boot loader$/],
    ["dropped-file-kept", "failed", /^the candidate brings its boot loader$/],
    ["payload-mixed", "failed", /^the candidate brings its boot loader$/],
    ["half-update-kept", "failed", /^the system boots, and the update is completed$/],
    ["update-gives-up", "failed", /^the system boots, and the update is completed$/],
  ],
  "grub/older-entry": [
    ["old-entry-dead", "failed", /^v1's entry, picked by keys, boots v1$/],
    ["menu-hides", "failed", /^v1's entry, picked by keys, boots v1$/],
    ["menu-doubles", "failed", /^v1's entry, picked by keys, boots v1$/],
    ["menu-doubles-first", "failed", /^v1's entry, picked by keys, boots v1$/],
    ["picked-stays", "failed", /^v1's entry, picked by keys, boots v1$/],
    ["menu-order", "failed", /^the menu has an entry for v1$/],
  ],
  "grub/migrate": [
    ["migration-forgets", "failed", /^bootupd migrates the host$/],
    ["menu-order", "failed", /^a(?: rollback boots by the old|n upgrade boots by its own) entry$/],
  ],
  "grub/migrate-at-boot": [
    ["migration-forgets", "failed", /^the next boot migrates the host$/],
    ["update-unit-kept", "failed", /^the next boot migrates the host$/],
    ["scripts-go-on", "failed", /^the next boot migrates the host$/],
    ["mkconfig-runs", "failed", /^the next boot migrates the host$/],
    ["menu-order", "failed", /^a(?: rollback boots by the old|n upgrade boots by its own) entry/],
  ],
  "bootupd/old-state": [
    ["state-unread", "failed", /^the candidate's bootupd reads it and updates$/],
    ["esp-stale", "failed", /^the candidate's bootupd reads it and updates$/],
    ["state-stays-old", "failed", /^its state has today's form/],
    ["update-unit-lost", "failed", /^the candidate's bootupd reads it and updates$/],
    ["dropped-file-kept", "failed", /^the candidate's bootupd reads it and updates$/],
  ],
  "bootupd/other-disk": [
    ["other-disk-written", "failed", /^the update comes to the disk of the system, and not/],
    ["esp-stale", "failed", /^the update comes to the disk of the system, and not/],
    ["update-unit-lost", "failed", /^the update comes to the disk of the system, and not/],
    ["dropped-file-kept", "failed", /^the update comes to the disk of the system, and not/],
  ],
  "grub/boot-counting": [
    ["counter-ignored", "failed", /^a boot that is counted is the newer entry's$/],
    ["counter-sticks", "failed", /^a boot that is counted is the newer entry's$/],
    ["fallback-forgotten", "failed", /^a counter that has run out starts the older entry$/],
  ],
  "grub/mkconfig-leftovers": [
    ["scripts-go-on", "failed", /^the migration ends what scripts have to say$/],
    ["mkconfig-runs", "failed", /^an upgrade boots by its own entry$/],
    ["default-grub-read", "failed", /^a rollback boots by the old entry$/],
    ["menu-order", "failed", /^a(?: rollback boots by the old|n upgrade boots by its own) entry$/],
  ],
};

export const bootLoaderOnComposefs: Readonly<Record<string, RegExp>> = {
  "bootupd/adopt": /adopts only on systems of ostree, or of CoreOS/,
  "grub/older-entry": /the menu may be another loader's than GRUB/,
  "grub/static-menu": /writes its boot loader entries itself/,
  "grub/migrate-at-boot": /never had a menu that ostree writes/,
  "grub/migrate": /never had a menu that ostree writes/,
  "grub/boot-counting": /boots are counted by systemd-boot/,
  "grub/mkconfig-leftovers": /never had a menu that scripts write/,
};
