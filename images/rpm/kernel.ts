/** Kernels as RPM packages: one of files that are at hand, and one that knows a kernel which something else put there. */
import type { RpmPackage } from "./packages.ts";
import type { RpmSpec } from "./repository.ts";

const name = "reference-kernel";

/** Fedora's kernels are in no package of its own name alone: dnf5 knows them by this (dnf5.conf(5), installonlypkgs). */
const provides = ["Provides: kernel", "Provides: installonlypkg(kernel)"];

/** `6.12.118` of `6.12.118+deb13-cloud-amd64`: a package's version does not have dashes. */
const versionOf = (release: string): string => /^\d+(?:\.\d+)*/.exec(release)?.[0] ?? "0";

/** As Fedora's packages have it (kernel.spec); /lib is a link. */
const folderOf = (release: string): string => `/lib/modules/${release}`;

/** A package that owns a kernel that is there without it: removed, it takes the kernel along. */
export const ownerOfKernel = (release: string): RpmPackage => ({
  name,
  version: versionOf(release),
  files: {},
  preamble: provides,
  ghosts: [`${folderOf(release)}/vmlinuz`],
});

/** A package of a kernel's folder: `modules` of the host has what `/lib/modules/RELEASE` is to have. */
export function specOfKernel(release: string, modules: string): RpmSpec {
  const folder = folderOf(release);
  const lines = [
    `Name: ${name}`,
    `Version: ${versionOf(release)}`,
    "Release: 1",
    "Summary: Another kernel for tests of image-based systems",
    "License: GPL-2.0-only",
    "AutoReqProv: no",
    ...provides,
    "",
    "%description",
    "A kernel of Debian, packed by bootgate for its stories.",
    "",
    "%install",
    `mkdir -p %{buildroot}${folder}`,
    `cp -a '${modules}/.' %{buildroot}${folder}`,
    "",
    "%files",
    "%defattr(-,root,root)",
    folder,
    "",
  ];
  return { name, text: lines.join("\n") };
}
