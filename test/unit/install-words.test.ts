/** What installers say: how far they have come, and whose fault a failure is. */
import { expect, test } from "vitest";
import {
  blameOfInstaller,
  installerError,
  installPhase,
} from "../../harness/states/build/install-words.ts";

test.each([
  ["Installing image: oci:/x:v2", "installing"],
  ["layers already present: 0; layers needed: 4 (118.1 MB)", "layers"],
  ["Deploying container image...done (6 seconds)", "deployment"],
  ["Installing bootloader via bootupd", "boot loader"],
  ["Installation complete!", "complete"],
  ["[    3.2] EXT4-fs (vdb3): mounted filesystem", null],
])("%s", (line, phase) => {
  expect(installPhase(line)).toBe(phase);
});

test.each([
  ["error: Installing to disk: bootupd is required for ostree-based installs", "image"],
  ["error: Installing to disk: Creating ext4: mkfs.ext4: No such file or directory", "image"],
  ["sh: 1: sfdisk: not found", "image"],
  ['error: Failed to run "mkfs.xfs" -m uuid=1: No such file or directory (os error 2)', "image"],
  [
    "error: Installing to disk: Failed to find kernel in /usr/lib/modules or /usr/lib/ostree-boot",
    "image",
  ],
  ["error: Installing to disk: Failed to find a kernel in tree", "image"],
  ["error: Installing to disk: Finding kernel: No kernel found in /usr/lib/modules", "image"],
  ["error: Installing to disk: Found multiple subdirectories in usr/lib/modules", "image"],
  ["error: Found multiple subdirectories in /usr/lib/modules", "image"],
  ['error: boot data installation failed: Failed to find "/usr/bin/grub2-editenv"', "image"],
  ['Failed to find "/usr/sbin/grub2-install"\nerror: something else', "unknown"],
  [
    "error: Importing: min-free-space-percent '3%' would be exceeded, at least 1.2 MB requested",
    "host",
  ],
  [
    "error: Installing to disk: Setting up composefs boot: Setting up UKI boot: Writing os.efi to ESP: The UKI has the wrong composefs= parameter (is 'ab', should be 'cd')",
    "image",
  ],
  ["error: skopeo proxy: tag v9 of the layout not found", "unknown"],
  ["error: Importing: No space left on device (os error 28)", "host"],
  ["[  80.1] Out of memory: Killed process 312 (bootc)", "host"],
  ["error: Installing to disk: something nobody has seen before", "unknown"],
  ["", "unknown"],
])("%s is the fault of: %s", (said, blame) => {
  expect(blameOfInstaller(`Installing image: oci:/x\n${said}\n`).blame).toBe(blame);
});

test("a program that was missed long before the error is not what it ended of", () => {
  const lines = Array.from({ length: 20 }, (_, line) => `line ${line}`);
  const said = ["sh: 1: udevadm: not found", ...lines, "error: something else"].join("\n");
  expect(blameOfInstaller(said).blame).toBe("unknown");
});

test("an installer that was killed ran out of memory, whatever it said before", () => {
  expect(blameOfInstaller("sh: 1: sfdisk: not found", { exitCode: 137 })).toMatchObject({
    blame: "host",
    todo: expect.stringContaining("--build-memory"),
  });
});

test("what the stand-in for bootc does not have is told as that", () => {
  const option = "bootc install to-disk --composefs-backend --bootloader=grub";
  const said = `error: '${option}' is not in bootgate's stand-in for bootc; the real bootc has it\n`;
  expect(blameOfInstaller(said)).toMatchObject({
    blame: "unknown",
    todo: expect.stringContaining("--bootloader systemd"),
  });
});

test("the line to quote is the last error, else the last line", () => {
  expect(installerError("error: first\nerror: second\nTry again.\n")).toBe("error: second");
  expect(installerError("one\ntwo\n\n")).toBe("two");
  expect(installerError("")).toBe("");
});

test("what an installer says is made harmless before it is quoted", () => {
  expect(installerError("error: \u001b[31mred\u0007")).not.toMatch(/[\u001b\u0007]/);
});

test("a megabyte without a line's end is looked through", () => {
  expect(blameOfInstaller("mkfs.ext4 ".repeat(400_000)).blame).toBe("unknown");
});
