/** Failed installations: the class of the error, by the installer's words and by where it ran. */

import { expect, test } from "vitest";
import { CannotTell, CommandFailed, HostUnfit } from "../../harness/base/errors.ts";
import { installFailed } from "../../harness/states/build/install-ended.ts";
import { defaultRecipe } from "../../harness/states/build/recipe.ts";
import { consoleWords } from "../../images/image.ts";

const recipe = {
  ...defaultRecipe,
  kernelArguments: [...consoleWords("x86_64")],
  sizeMiB: 10_240,
  follows: "quay.example/os:1",
};
const failed = (said: string, exitCode: number, onHost: boolean): Error =>
  installFailed({ name: "it", recipe, exitCode, said, log: "/run/install.log", onHost });

test.each([
  ["error: Installing to disk: mkfs.ext4: No such file or directory", 1, CommandFailed],
  ["error: Importing: No space left on device (os error 28)", 1, HostUnfit],
  ["error: something nobody has seen before", 1, CannotTell],
  ["Killed", 137, HostUnfit],
])("%s (%i), in a helper machine and on the host", (said, exitCode, kind) => {
  for (const onHost of [false, true]) {
    const error = failed(said, exitCode, onHost);
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toContain("look at    /run/install.log");
  }
});

test("the backend is the harness's choice: an image without bootupd is not failed for it", () => {
  const said = "error: Installing to disk: bootupd is required for ostree-based installs";
  for (const onHost of [false, true]) {
    const error = failed(said, 1, onHost);
    expect(error).toBeInstanceOf(CannotTell);
    expect(error.message).toMatch(/does not have bootupd.*\n(.*\n)*.*--backend composefs/);
  }
});

test("so is a kernel that the ostree backend does not find in a unified kernel image", () => {
  const said = "error: Installing to disk: Pulling: No kernel found in /usr/lib/modules";
  const ended = { name: "it", recipe, exitCode: 1, said, log: "/run/install.log" };
  expect(installFailed(ended)).toBeInstanceOf(CommandFailed);
  const unified = installFailed({ ...ended, unified: true });
  expect(unified).toBeInstanceOf(CannotTell);
  expect(unified.message).toContain("--backend composefs");
});

test.each([
  ["error: mounting: mount: unknown filesystem type 'vfat'", 1, /file system that the installer/],
  ["error: lsblk: /dev/loop0p3: No such file or directory", 1, /partitions of a loop device/],
  ["losetup: /x/disk.raw: failed to set up loop device: Operation not permitted", 1, /loop/],
  ["error: This command must be run with the podman --pid=host flag", 1, /container/],
  ["error: Writing: Input/output error (os error 5)", 1, /or the host's own is/],
  ["Error: OCI runtime error: crun: cgroups in hybrid mode not supported", 126, /not be started/],
  ["error: cannot build manifest: could not find def file for distro x-1", 1, /does not take what/],
  ["Error: crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted", 125, /could not be started/],
])("on the host it is the host's fault: %s", (said, exitCode, why) => {
  const error = failed(said, exitCode, true);
  expect(error).toBeInstanceOf(HostUnfit);
  expect(error.message).toMatch(why);
  // In a machine of the image's own kernel nobody knows.
  expect(failed(said, exitCode, false)).toBeInstanceOf(CannotTell);
});
