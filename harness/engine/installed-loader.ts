/** The boot loader that bootupd installed, as its stories begin with it and what they all say of it. */
import type { Image } from "../../images/image.ts";
import type { Guest } from "../guest/guest.ts";
import { type BootupdReader, bootupdOf } from "../guest/tools/bootupd.ts";
import type { UpdateService } from "../guest/tools/bootupd-service.ts";
import {
  differences,
  type EfiFiles,
  type EfiPartition,
  type EfiPayload,
  leftovers,
} from "../guest/tools/efi-payload.ts";
import { isBySystemdBoot } from "../guest/tools/loader-variables.ts";
import { expectEqual, expectThat } from "./expect.ts";
import { skipUnlessPromised } from "./promised.ts";
import type { Stage } from "./scenario.ts";

export interface InstalledLoader {
  readonly bootupd: BootupdReader;
  /** As bootupd names it. */
  readonly version: string;
  /** What the booted image carries of it. */
  readonly payload: EfiFiles;
  /** What brings updates at each boot. */
  readonly service: UpdateService;
  /** The partitions that bootupd looks after, as they are now. */
  readonly partitions: readonly EfiPartition[];
  /** Those of them that have all of the payload. */
  readonly whole: readonly EfiPartition[];
}

/** The boot loader is chosen at the installation, and no image promises to be installed so (bootc, `install to-disk --bootloader`). */
export const bySystemdBoot = "This disk boots by systemd-boot, which bootupd did not install.";

/**
 * Waits for the end of the start-up, since bootupd's service may adopt a boot loader. Ends the story by `skip` where nothing was installed for UEFI, or
 * chance decides what; by ExpectationFailed where the guest's image is the one that is judged (`judged`) and promises bootupd, or decides by chance.
 */
export async function needInstalledLoader(
  guest: Guest,
  skip: Stage["skip"],
  judged: Image | null = null,
): Promise<InstalledLoader> {
  const bootupd = bootupdOf(guest);
  await guest.systemd.settled();
  const version = (await bootupd.status())?.components["EFI"]?.installed.version;
  const without = `The disk of '${guest.name}' was not installed by bootupd.`;
  if (version === undefined) {
    if (await isBySystemdBoot(guest)) return skip(bySystemdBoot);
    return judged === null
      ? skip(without)
      : skipUnlessPromised({ image: judged, promise: "bootupd", skip }, without);
  }
  const carried = await bootupd.payload(version);
  if (judged === null && carried.mixed.length > 0)
    return skip("The previous image has two versions of a package of its boot loader.");
  const payload = expectUnmixed(carried);
  const service = await bootupd.service();
  const partitions = (await bootupd.partitions()).filter(({ isOurs }) => isOurs);
  const whole = partitions.filter((one) => differences(payload, one).length === 0);
  return { bootupd, version, payload, service, partitions, whole };
}

function expectUnmixed({ files, mixed }: EfiPayload): EfiFiles {
  expectThat(
    mixed.length === 0,
    "The image carries two versions of a package of its boot loader, and chance decides which of them bootupd installs.",
    { "each another file": mixed.join("\n").slice(0, 1000) },
  );
  return files;
}

/** What the booted image, which is the one that is judged, carries for the boot loader of this version. Throws ExpectationFailed where chance decides. */
export const carriedPayload = async (bootupd: BootupdReader, version: string): Promise<EfiFiles> =>
  expectUnmixed(await bootupd.payload(version));

/**
 * Each of these partitions is there and has the payload, byte for byte, and nothing of the one of before an update that it does not have any more; what
 * others keep there is their business.
 */
export async function expectPayload(
  bootupd: BootupdReader,
  devices: readonly { readonly device: string }[],
  { payload, before = {} }: { readonly payload: EfiFiles; readonly before?: EfiFiles },
): Promise<void> {
  const found = await bootupd.partitions();
  for (const { device } of devices) {
    const partition = found.find((one) => one.device === device);
    if (partition === undefined) expectThat(false, "The EFI system partition is gone.", { device });
    expectEqual(
      `What of the image's payload ${device} does not have`,
      differences(payload, partition),
      [],
    );
    expectEqual(
      `What ${device} still has of the payload of before, which the new one does not have`,
      leftovers(before, payload, partition),
      [],
    );
  }
}

/**
 * Waits for the end of the start-up of an upgraded guest and expects its boot loader on the partitions that had all of the old one; returns it,
 * path below EFI/ → sha256. Ends the story by `skip` where the upgrade does not bring a newer one.
 */
export async function expectNewLoader(
  guest: Guest,
  { bootupd, version, payload: before, whole, service }: InstalledLoader,
  { skip, note }: Pick<Stage, "skip" | "note">,
): Promise<EfiFiles> {
  await guest.systemd.settled();
  const payload = await carriedPayload(bootupd, version);
  if (JSON.stringify(payload) === JSON.stringify(before))
    skip("The two images carry the same boot loader, so an update has nothing to do.");
  if ((await bootupd.status())?.components["EFI"]?.updatable === "would-downgrade")
    skip("The new image carries an older boot loader, which bootupd leaves alone.");
  note(await bootupd.afterBoot(service));
  await expectPayload(bootupd, whole, { payload, before });
  return payload;
}

/** What is on the partitions is what bootupd installed there. */
export async function expectLoaderValid(bootupd: BootupdReader): Promise<void> {
  const { isValid, said } = await bootupd.validate();
  expectThat(isValid, "The boot loader is not as bootupd installed it.", { said });
}

/** bootupd has nothing left to do for UEFI either. */
export async function expectLoaderWell(bootupd: BootupdReader): Promise<void> {
  expectEqual(
    "What bootupd says of EFI",
    (await bootupd.status())?.components["EFI"]?.updatable,
    "at-latest-version",
  );
  await expectLoaderValid(bootupd);
}
