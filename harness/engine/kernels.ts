/**
 * Kernels of an image, for stories that change them: what has to be there before, the lines by which an image gets an initramfs, and what
 * an image with one kernel looks like. Where a kernel lies, and that there is one: bootc, `ostree-ext/src/bootabletree.rs`.
 */
import type { Guest } from "../guest/guest.ts";
import { grubOf } from "../guest/tools/grub.ts";
import { callDracut, findDracut } from "../guest/tools/initramfs.ts";
import { expectEqual, expectThat } from "./expect.ts";

/** What `uname -r` may say to be a word of a script as it is. */
const plainRelease = /^[A-Za-z0-9][A-Za-z0-9._+~-]{0,99}$/;

const folder = "/usr/lib/modules";
const initramfsOf = (release: string): string => `${folder}/${release}/initramfs.img`;

/** Why the kernel of this image, whose release runs, cannot be changed from inside; null where it can be. */
export async function whyKernelStays(guest: Guest, release: string): Promise<string | null> {
  if (!plainRelease.test(release)) return "The release of the kernel has characters of its own.";
  if ((await guest.attempt`tar --version`).exitCode !== 0) return "The image does not have tar.";
  if ((await guest.attempt`test -e ${initramfsOf(release)}`).exitCode === 0)
    return (await guest.attempt`dracut --version`).exitCode === 127
      ? "The image does not have dracut."
      : null;
  return "The image does not have an initramfs beside its kernel.";
}

/**
 * Lines of sh that make the initramfs of the kernel `$kver` as a Containerfile does; `words` are more of dracut(8). ostree's part comes only when it is
 * asked for (ostree, `src/boot/dracut/module-setup.sh`), and not every image has a configuration that asks.
 */
export const initramfsLines = (words: string): readonly string[] => [
  ...findDracut,
  "parts=",
  'for part in ostree bootc; do test -z "$(ls -d /usr/lib/dracut/modules.d/*$part 2>/dev/null)" || parts="$parts --add $part"; done',
  `${callDracut} --quiet --force --no-hostonly --reproducible $parts ${words} "${initramfsOf("$kver")}" "$kver"`,
];

/** The image has one kernel, with its initramfs, and it is the one that runs. Returns its release. */
export async function expectOneKernel(guest: Guest): Promise<string> {
  const release = await guest.run`uname -r`;
  const kernels = await guest.run`find ${folder} -mindepth 2 -maxdepth 2 -name vmlinuz`;
  expectEqual("The kernels of the image", kernels, `${folder}/${release}/vmlinuz`);
  const { exitCode } = await guest.attempt`test -s ${initramfsOf(release)}`;
  expectThat(exitCode === 0, "The kernel that runs does not have an initramfs beside it.");
  return release;
}

/** The boot loader's entries of deployments start these kernels, in the order of the menu, each with its own initramfs. */
export async function expectMenuOfKernels(
  guest: Guest,
  releases: readonly string[],
): Promise<void> {
  const entries = (await grubOf(guest).entries()).filter(({ deployment }) => deployment !== null);
  expectEqual(
    "What the boot loader's entries start",
    entries.map(({ kernel, initramfs }) => [kernel, initramfs]),
    releases.map((release) => [`vmlinuz-${release}`, `initramfs-${release}.img`]),
  );
}
