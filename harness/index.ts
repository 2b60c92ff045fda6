/** The only door for scenarios: what a story may use. */

export { type Image, type ImageChange, ociArchitecture } from "../images/image.ts";
export { CommandFailed, ExpectationFailed, quoting } from "./base/errors.ts";
export { expectStillOpen, modeOf, whyUsrOpen } from "./engine/access-to.ts";
export { expectSwitchRefused, expectUpgradeRefused, isOvercome } from "./engine/bad-network.ts";
export { expectBadSignaturesRefused } from "./engine/bad-signatures.ts";
export {
  basePackages,
  bringBase,
  expectBasePackages,
  expectPackageWhole,
  hasBasePackages,
} from "./engine/base-packages.ts";
export { expectOnlyDeployed } from "./engine/composefs-kept.ts";
export { whyNotCounted } from "./engine/counted-boots.ts";
export { expectDisplayManager, expectPicture, needDesktop } from "./engine/desktop.ts";
export { dnfFor, needDnf, needReadOnlyOverlay, whyNotTransient } from "./engine/dnf-of.ts";
export { expectEqual, expectThat } from "./engine/expect.ts";
export { expectMenu, expectShown } from "./engine/expect-menu.ts";
export { expectBootRefused } from "./engine/expect-no-boot.ts";
export {
  checkPath,
  expectGreen,
  expectStatedBoots,
  expectWantedRan,
  needGreenboot,
  tellsFallback,
  withCheck,
} from "./engine/health-checks.ts";
export { expectHealthy, expectNoFailedUnit, judgeFaults } from "./engine/healthy.ts";
export { expectFollows, takeOlder } from "./engine/history.ts";
export {
  bySystemdBoot,
  carriedPayload,
  expectLoaderValid,
  expectLoaderWell,
  expectNewLoader,
  expectPayload,
  needInstalledLoader,
} from "./engine/installed-loader.ts";
export { keepsFolder } from "./engine/keeps-folder.ts";
export { keepEnvironment, keptEnvironment } from "./engine/kept-environment.ts";
export {
  expectMenuOfKernels,
  expectOneKernel,
  initramfsLines,
  whyKernelStays,
} from "./engine/kernels.ts";
export {
  expectBootcRefuses,
  expectLayered,
  expectOriginOfImage,
  layeredOn,
  layerPackage,
  needLayering,
  switchLayered,
} from "./engine/layered-host.ts";
export { layeredPackage } from "./engine/layered-package.ts";
export { expectNoOrphan } from "./engine/layers-kept.ts";
export { whyNoLayout } from "./engine/oci-folder.ts";
export { expectMigrated, isByOldMenu, makeOldMenu, needMigration } from "./engine/old-menu.ts";
export { installFlatpak } from "./engine/own-flatpak.ts";
export { expectOldOrNew, expectWholeRepository, statesToBoot } from "./engine/power-cuts.ts";
export { bringImage, prepareGuest } from "./engine/prepare-guest.ts";
export { skipUnlessPromised } from "./engine/promised.ts";
export { expectUpgradeFails } from "./engine/refused-pull.ts";
export { type BootOptions, type Shelf, type Stage, scenario } from "./engine/scenario.ts";
export { softRebootIntoStaged, whyNoSoftReboot } from "./engine/soft-reboot.ts";
export {
  changeBlock,
  expectNamedByFsck,
  expectSpared,
  readTampered,
  refusedBy,
  whyUnheld,
} from "./engine/tampered.ts";
export { showMenuOnce, tellGrub } from "./engine/tell-grub.ts";
export {
  expectOpenedByTpm,
  lockWords,
  needTpmLock,
  rebootByTpm,
} from "./engine/tpm-unlock.ts";
export { commands } from "./guest/commands.ts";
export type { Guest } from "./guest/guest.ts";
export { isMute } from "./guest/mute-guest.ts";
export { blocksOf } from "./guest/tools/blocks.ts";
export { bootupdOf } from "./guest/tools/bootupd.ts";
export {
  describePackages,
  inOldestForm,
  packagesOf,
  parseSavedState,
} from "./guest/tools/bootupd-state.ts";
export { linesFor } from "./guest/tools/bootupd-status.ts";
export { whyNoMigration } from "./guest/tools/bootupd-unit.ts";
export { composefsOf, isInMemory } from "./guest/tools/composefs.ts";
export { mountedComposefsImage, namedComposefsImages } from "./guest/tools/composefs-argument.ts";
export { readDesktop } from "./guest/tools/desktop.ts";
export { expectRootOn, findDisk } from "./guest/tools/disks.ts";
export {
  dnfOf,
  expectRefused,
  genericRefusal,
  lockedRefusal,
  overlayNotice,
  persistRefusal,
} from "./guest/tools/dnf.ts";
export { hashOn, temporaryFiles, temporaryPath } from "./guest/tools/efi-payload.ts";
export { flatpakOf } from "./guest/tools/flatpak.ts";
export { statedBoots } from "./guest/tools/greenboot.ts";
export { grubOf } from "./guest/tools/grub.ts";
export { byDigest, followsReference } from "./guest/tools/image-reference.ts";
export { readInitramfs } from "./guest/tools/initramfs.ts";
export { isByStub, isBySystemdBoot } from "./guest/tools/loader-variables.ts";
export { objectsOf } from "./guest/tools/objects.ts";
export { missingLayers } from "./guest/tools/ostree.ts";
export { isAtLeast } from "./guest/tools/program-version.ts";
export { rpmOf } from "./guest/tools/rpm.ts";
export { rpmOstreeOf } from "./guest/tools/rpm-ostree.ts";
export { expectSecureBoot, secureBootOf } from "./guest/tools/secure-boot.ts";
