/** Whether a console says that what makes the root has refused it. */
import { expect, test } from "vitest";
import { refusalIn } from "../../harness/engine/expect-no-boot.ts";

test.each([
  // systemd's status lines, with colours, and by descriptions alone as before 249.
  "[\x1b[0;1;31mFAILED\x1b[0m] Failed to start \x1b[0;1;39mostree-prepare-root.service\x1b[0m - OSTree Prepare OS/.",
  "[FAILED] Failed to start OSTree Prepare OS/.",
  "[FAILED] Failed to start bootc-root-setup.service - bootc setup root.",
  // ostree, `ostree-prepare-root.c`; the kernel, `fs/verity/verify.c`.
  "[    3.1] ostree-prepare-root[412]: ostree-prepare-root: Failed to mount composefs: No digest match",
  "[    3.1] fs-verity (vda3, inode 12): FILE CORRUPTED! pos=0, level=0",
])("one that refuses: %j", (line) => {
  expect(refusalIn(`Welcome to GRUB!\r\n${line}\r\nEntering emergency mode.\r\n`)).not.toBeNull();
});

test.each([
  // A boot that names it, starts it and has made it, and fails of something else.
  "[    0.0] Command line: composefs=ab ostree=/ostree/boot.0/x ostree.prepare-root.composefs=1",
  "         Starting ostree-prepare-root.service - OSTree Prepare OS/...",
  "[  OK  ] Finished bootc-root-setup.service - bootc setup root.",
  "[FAILED] Failed to start systemd-fsck-root.service.",
  "Kernel panic - not syncing: VFS: Unable to mount root fs",
])("none that does: %j", (line) => {
  expect(refusalIn(`${line}\nEntering emergency mode.\n`)).toBeNull();
});
