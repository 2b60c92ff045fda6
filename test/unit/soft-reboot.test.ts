/** What keeps a deployment from being booted softly, by what sha256sum printed below its root and below the booted one. */
import { expect, test } from "vitest";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import type { BootcEntry } from "../../harness/guest/tools/bootc.ts";
import { softRebootDifferences } from "../../harness/guest/tools/soft-reboot.ts";

const checksum = "c".repeat(64);
const staged = {
  ostree: { checksum, deploySerial: 1, stateroot: "default" },
} as unknown as BootcEntry;

const row = (digit: string, path: string): string => `${digit.repeat(64)}  ${path}\n`;
const same =
  row("1", "usr/lib/modules/7.0/vmlinuz") + row("2", "usr/lib/modules/7.0/initramfs.img");

/** Answers for the booted root, and for the staged one. */
const guest = (booted: string, other: string, exitCode = 0): GuestIo => ({
  name: "candidate",
  timeScale: 1,
  lookAt: "console.log",
  exec: async (command) => ({
    ...{ command, exitCode, stderr: "", truncated: false, durationMs: 0 },
    stdout: command.includes(`/sysroot/ostree/deploy/default/deploy/${checksum}.1`)
      ? other
      : booted,
  }),
});

test.each([
  ["nothing", "", "", []],
  ["an initramfs", row("3", "usr/lib/modules/7.0/dtb/a"), "", ["kernels or their initramfs"]],
  ["an argument", "", row("3", "usr/lib/bootc/kargs.d/1.toml"), ["kernel arguments"]],
  ["a policy", row("3", "selinux/x/policy/policy.33"), "", ["SELinux policies"]],
])("%s differs", async (_, booted, other, names) => {
  expect(await softRebootDifferences(guest(same + booted, same + other), staged)).toEqual(names);
});

test("where no kernel was found, or ostree does not keep the deployment, nobody can tell", async () => {
  expect(await softRebootDifferences(guest(same, ""), staged)).toBeNull();
  expect(await softRebootDifferences(guest(same, same, 1), staged)).toBeNull();
  const composefs = { ostree: null } as unknown as BootcEntry;
  expect(await softRebootDifferences(guest(same, same), composefs)).toBeNull();
});
