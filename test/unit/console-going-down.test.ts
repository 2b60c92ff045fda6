import { expect, test } from "vitest";
import { isGoingDown } from "../../harness/machine/console/going-down.ts";

test.each([
  "[  OK  ] Reached target shutdown.target - System Shutdown.",
  "[  OK  ] Reached target Shutdown.",
  "[  OK  ] Reached target reboot.target - System Reboot.",
  "[  OK  ] Reached target poweroff.target - System Power Off.",
  "[  OK  ] Reached target Power-Off.",
  "[  OK  ] Reached target System Power Off.",
  "[  OK  ] Reached target halt.target - System Halt.",
  "[  OK  ] Reached target kexec.target.",
  "[  OK  ] Reached target final.target - Late Shutdown Services.",
  "[  OK  ] Reached target Final Step.",
  "[  OK  ] Reached target umount.target - Unmount All Filesystems.",
  "[   63.000000] systemd[1]: Reached target reboot.target - System Reboot.",
  "[   64.123456] systemd-shutdown[1]: Syncing filesystems and block devices.",
])("goes down: %s", (line) => {
  expect(isGoingDown(["Welcome to Fake OS!", line, ""])).toBe(true);
});

test.each([
  "[  OK  ] Reached target multi-user.target - Multi-User System.",
  "[  OK  ] Reached target rebootable-things.target - Rebootable Things.",
  "[  OK  ] Stopped target initrd.target - Initrd Default Target.",
  "[  OK  ] Reached target initrd-switch-root.target - Switch Root.",
  "cleaning up before systemd-shutdown",
  "[   61.000000] systemd[1234]: Reached target shutdown.target - Shutdown.",
])("does not: %s", (line) => {
  expect(isGoingDown([line])).toBe(false);
});
