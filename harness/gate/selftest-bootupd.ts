/** Images with the real bootupd whose boot loader is spoiled, or kept as it was: each is what one story has to catch. */
import type { SelftestCase } from "./selftest-case.ts";

type Wrong = Pick<SelftestCase, "name" | "images" | "scenario"> & {
  readonly step: RegExp;
  readonly message: RegExp;
};

const careless = "reference-bootupd:v1-careless";
const good = "reference-bootupd:v1";

const wrong: readonly Wrong[] = [
  {
    name: "bootupd: a file of the EFI system partition is gone",
    images: { candidate: careless },
    scenario: "bootupd/status",
    step: /^each EFI system partition has the image's payload$/,
    message: /BOOTX64\.CSV/,
  },
  {
    name: "bootupd: it does not notice a change",
    images: { candidate: careless },
    scenario: "bootupd/drift",
    step: /^a changed file is named$/,
    message: /does not notice a changed file/,
  },
  {
    name: "bootupd: the update does not come",
    images: { previous: "reference-bootupd:v1", candidate: "reference-bootupd:v2-forgetful" },
    scenario: "bootupd/update",
    step: /^the new boot has the new payload/,
    message: /grubx64\.efi/,
  },
  {
    name: "bootupd: nothing is adopted",
    images: { candidate: "reference-bootupd:v2-forgetful" },
    scenario: "bootupd/adopt",
    step: /^it is adopted, with the image's payload/,
    message: /does not have is not as expected/,
  },
  {
    name: "bootupd: an update is not made",
    images: { previous: good, candidate: "reference-bootupd:v2-forgetful" },
    scenario: "bootupd/interrupted",
    step: /^the candidate brings its boot loader$/,
    message: /grubx64\.efi/,
  },
  {
    name: "bootupd: an old state is not brought up to date",
    images: { previous: good, candidate: "reference-bootupd:v2-forgetful" },
    scenario: "bootupd/old-state",
    step: /^the candidate's bootupd reads it and updates$/,
    message: /grubx64\.efi/,
  },
  {
    name: "bootupd: another disk is written to",
    images: { previous: good, candidate: "reference-bootupd:v2-greedy" },
    scenario: "bootupd/other-disk",
    step: /^the update comes to the disk of the system, and not to the other$/,
    message: /What lies on the other disk/,
  },
  {
    name: "grub: a script wrote into grub.cfg",
    images: { previous: good, candidate: careless },
    scenario: "grub/static-menu",
    step: /^grub\.cfg reads boot loader entries/,
    message: /15_ostree/,
  },
  {
    name: "grub: the older entry's kernel is gone",
    images: { previous: good, candidate: careless },
    scenario: "grub/older-entry",
    step: /^v1's entry, picked by keys, boots v1$/,
    message: /GRUB could not load the kernel/,
  },
  {
    name: "grub: the boot counter is forgotten",
    images: { previous: good, candidate: careless },
    scenario: "grub/boot-counting",
    step: /^a boot that is counted is the newer entry's$/,
    message: /GRUB did not count the boot/,
  },
  {
    name: "grub: scripts may write the menu again",
    images: { previous: good, candidate: careless },
    scenario: "grub/mkconfig-leftovers",
    step: /^the migration ends what scripts have to say$/,
    message: /sysroot\.bootloader/,
  },
  {
    name: "grub: nothing is migrated at boot",
    images: { previous: good, candidate: "reference-bootupd:v2-migrates-nothing" },
    scenario: "grub/migrate-at-boot",
    step: /^the next boot migrates the host$/,
    message: /still a link/,
  },
  {
    name: "grub: nothing is migrated",
    images: { previous: good, candidate: careless },
    scenario: "grub/migrate",
    step: /^bootupd migrates the host$/,
    message: /still a link/,
  },
];

/** Minutes each: the real bootupd is built, and each image is installed first. */
export const bootupdCases: readonly SelftestCase[] = wrong.map(({ step, message, ...item }) => ({
  ...item,
  suite: "full",
  expect: { outcome: "failed", step, message },
}));
