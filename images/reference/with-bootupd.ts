/**
 * Versions of the reference OS with the real bootupd, its unit, a shim and upstream's static GRUB configuration. They install
 * themselves like any image, so none has a disk of its own making.
 */
import type { LayerEntry } from "./layer-entry.ts";
import { likeV1, likeV2, type VersionRecipe } from "./recipe.ts";

const update = "usr/lib/systemd/system/bootloader-update.service";

/** A service in place of bootupd's that does nothing. */
const forgetful: LayerEntry = {
  kind: "file",
  path: update,
  text: [
    "[Unit]",
    "Description=Update bootloader on boot",
    "",
    "[Service]",
    "Type=oneshot",
    "ExecStart=/usr/bin/true",
    "RemainAfterExit=yes",
    "",
  ].join("\n"),
};

const lines = (...text: readonly string[]): string => [...text, ""].join("\n");

/**
 * Counts boots as greenboot's drop-in does (greenboot-rs, `grub2/08_greenboot.cfg`), three at most: Debian's GRUB does not have Fedora's
 * commands that add and subtract.
 */
const counting: LayerEntry = {
  kind: "file",
  path: "usr/lib/bootupd/grub2-static/configs.d/08_reference_counting.cfg",
  text: lines(
    'if [ "${boot_success}" = "0" -a -n "${boot_counter}" ]; then',
    '  if [ "${boot_counter}" = "3" ]; then',
    "    set boot_counter=2",
    '  elif [ "${boot_counter}" = "2" ]; then',
    "    set boot_counter=1",
    '  elif [ "${boot_counter}" = "1" ]; then',
    "    set boot_counter=0",
    "  else",
    "    set default=1",
    "    set boot_counter=-1",
    "  fi",
    "  save_env boot_counter",
    "fi",
    "set boot_success=0",
    "save_env boot_success",
  ),
};

/** bootupctl that answers some verbs itself, by these cases of sh. */
const bootupctl = (...cases: readonly string[]): readonly LayerEntry[] => [
  { kind: "link", path: "usr/libexec/reference/bootupctl", target: "../bootupd" },
  {
    kind: "file",
    path: "usr/bin/bootupctl",
    text: lines(
      "#!/bin/sh",
      'case "$*" in',
      ...cases,
      "esac",
      'exec /usr/libexec/reference/bootupctl "$@"',
    ),
    mode: 0o755,
  },
];

/** bootupd that finds nothing and migrates nothing, and a service that spoils what it looks after before sshd starts, and forgets the boot counter at its end. */
const careless: readonly LayerEntry[] = [
  ...bootupctl(
    "  validate) echo 'Validated: EFI'; exit 0 ;;",
    "  migrate-static-grub-config) echo 'Already using a static GRUB config'; exit 0 ;;",
  ),
  {
    kind: "file",
    path: "usr/libexec/reference/spoil",
    text: lines(
      "set -e",
      "mkdir -p /run/spoil",
      'mount -t vfat "$(blkid -t TYPE=vfat -o device | head -n 1)" /run/spoil',
      "rm -f /run/spoil/EFI/debian/BOOTX64.CSV",
      "umount /run/spoil",
      "for d in /sysroot /boot; do mount -o remount,rw $d || true; done",
      "printf '### BEGIN %s ###\\n### END %s ###\\n' /etc/grub.d/15_ostree /etc/grub.d/15_ostree >> /boot/grub2/grub.cfg",
      "cd /boot/loader/entries",
      "if [ -e ostree-2.conf ]; then sed -i 's,^linux .*,linux /vmlinuz-gone,' ostree-1.conf; fi",
    ),
  },
  {
    kind: "file",
    path: "usr/lib/systemd/system/reference-spoil.service",
    text: lines(
      "[Unit]",
      "Description=Spoil the boot loader's files",
      "Before=ssh.service",
      "",
      "[Service]",
      "Type=oneshot",
      "RemainAfterExit=yes",
      "PrivateMounts=yes",
      "ExecStart=/bin/sh /usr/libexec/reference/spoil",
      "ExecStop=-/bin/sh -c 'mount -o remount,rw /sysroot; mount -o remount,rw /boot; exec grub2-editenv /boot/grub2/grubenv unset boot_counter'",
    ),
  },
  {
    kind: "link",
    path: "usr/lib/systemd/system/multi-user.target.wants/reference-spoil.service",
    target: "../reference-spoil.service",
  },
];

/** Fedora's Atomic Desktops migrate old menus so (workstation-ostree-config): a drop-in of bootupd's unit with one command more. */
const migrating: LayerEntry = {
  kind: "file",
  path: `${update}.d/migrate-static-grub-config.conf`,
  text: lines("[Service]", "ExecStart=/usr/bin/bootupctl migrate-static-grub-config"),
};

/** Beside what bootupd does, a service that copies the payload to each partition with FAT, whichever disk it lies on. */
const greedy: readonly LayerEntry[] = [
  {
    kind: "file",
    path: `${update}.d/everywhere.conf`,
    text: lines("[Service]", "ExecStartPost=/bin/sh /usr/libexec/reference/everywhere"),
  },
  {
    kind: "file",
    path: "usr/libexec/reference/everywhere",
    text: lines(
      "set -e",
      "mkdir -p /run/everywhere",
      "for part in $(blkid -t TYPE=vfat -o device); do",
      '  mount -t vfat "$part" /run/everywhere',
      '  for folder in /usr/lib/efi/*/*/EFI; do cp -r "$folder" /run/everywhere/; done',
      "  umount /run/everywhere",
      "done",
    ),
  },
];

const updated = (
  version: string,
  description: string,
  entries: readonly LayerEntry[],
): VersionRecipe => ({
  description,
  hasDisk: false,
  day: 31,
  entries: [...likeV2(version), { kind: "bootupd", payload: "v2" }, counting, ...entries],
});

/** By version; a name is also the tag in the layout of this edition. */
export const bootupdRecipes = {
  v1: {
    description: "v1 with the real bootupd",
    hasDisk: false,
    day: 0,
    entries: [...likeV1("v1-bootupd"), { kind: "bootupd", payload: "v1" }, counting],
  },
  "v1-careless": {
    description:
      "A file of its EFI system partition is gone, a script wrote into grub.cfg, its bootupctl neither finds nor migrates anything, and the boot counter is forgotten",
    hasDisk: false,
    day: 0,
    entries: [...likeV1("v1-careless"), { kind: "bootupd", payload: "v1" }, counting, ...careless],
  },
  v2: updated(
    "v2-bootupd",
    "v2 with the real bootupd and another build of GRUB, and a drop-in that migrates old menus at boot",
    [migrating],
  ),
  "v2-migrates-nothing": updated(
    "v2-migrates-nothing",
    "Its bootupctl migrates nothing, though a drop-in calls it for that at boot",
    [
      migrating,
      ...bootupctl(
        "  migrate-static-grub-config) echo 'Already using a static GRUB config'; exit 0 ;;",
      ),
    ],
  ),
  "v2-greedy": updated(
    "v2-greedy",
    "Its service copies the boot loader to the EFI system partition of every disk",
    greedy,
  ),
  "v2-forgetful": updated(
    "v2-forgetful",
    "bootloader-update.service does nothing: the EFI system partition keeps the old GRUB; its bootupctl adopts nothing",
    [forgetful, ...bootupctl("  adopt-and-update) echo 'No components are adoptable.'; exit 0 ;;")],
  ),
} as const satisfies Record<string, VersionRecipe>;
