/** What the names of packages in a status tell. Pure. */
import { nevra, packageName } from "../guest/tools/nevra.ts";
import type { LocalChanges } from "../guest/tools/rpm-ostree.ts";

/** The file that a package is distributed as: an epoch stands in no file's name (rpm's `_build_name_fmt`). */
export function rpmFileName(word: string): string {
  const [, name, , rest] = nevra.exec(word) ?? [];
  return `${name === undefined ? word : `${name}-${rest}`}.rpm`;
}

/** `rpmfusion-free-release`, `terra-repos`: packages that others come from only once they are installed. */
export const bringsRepository = (word: string): boolean =>
  /-(?:release|repos?)$/.test(packageName(word));

/** Packages of the kernel that none boots from. */
const besideKernel =
  /-(?:abi-stablelists|devel|devel-matched|doc|headers|libs|libs-devel|macros|matched|srpm-macros|tools)$/;

/** `kernel`, `kernel-core`, `kernel-rt-modules`, `kernel-cachyos`: what puts a kernel or its modules into `/usr/lib/modules`. */
export function isKernel(word: string): boolean {
  const name = packageName(word);
  return /^kernel(?:-|$)/.test(name) && !besideKernel.test(name);
}

/** `akmod-nvidia`, `zfs-dkms`, `kmod-wl`: modules that are built for one kernel, or that were. */
export const isModule = (word: string): boolean =>
  /^(?:akmod-|kmod-(?!(?:libs|devel|bash-completion)$)|dkms$)|-(?:akmod|dkms)$/.test(
    packageName(word),
  );

/** The names of all that comes into the image, whichever way. */
export const comingNames = (changes: LocalChanges): string[] => [
  ...new Set(
    [
      ...changes.packages,
      ...changes.localPackages,
      ...changes.fileOverrides,
      ...changes.localReplacements,
      ...changes.remoteReplacements.flatMap(({ packages }) => packages),
    ].map(packageName),
  ),
];
