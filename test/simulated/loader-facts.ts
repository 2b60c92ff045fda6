/** What of boot loaders differs from one simulated world to another, beside the images. */
export interface LoaderFacts {
  /** bootupd of all images but v1 calls a package's version by its newer name (coreos/bootupd#1130). */
  readonly renamesVersions?: boolean;
  /** bootc has installed systemd-boot, and bootupd nothing. */
  readonly isSystemdBoot?: boolean;
  /** bootc's composefs backend has unified kernel images, and writes one to the EFI system partition as it stages. */
  readonly hasUnifiedKernels?: boolean;
  /** Nobody has set `sysroot.bootloader`, as on a host that Anaconda installed: ostree goes by bootupd's state. */
  readonly isUntold?: boolean;
}
