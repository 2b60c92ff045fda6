/** The boot loader that bootupd installed, as its stories begin with it and what they all say of it. */
import type { Guest } from "../guest/guest.ts";
import {
  type BootupdReader,
  bootupdOf,
  differences,
  type EfiPartition,
} from "../guest/tools/bootupd.ts";
import { expectEqual, expectThat } from "./expect.ts";
import type { Stage } from "./scenario.ts";

type Payload = Readonly<Record<string, string>>;

export interface InstalledLoader {
  readonly bootupd: BootupdReader;
  /** As bootupd names it. */
  readonly version: string;
  /** What the booted image carries of it: path below EFI/ → sha256. */
  readonly payload: Payload;
  /** The partitions that bootupd looks after, as they are now. */
  readonly partitions: readonly EfiPartition[];
  /** Those of them that have all of the payload. */
  readonly whole: readonly EfiPartition[];
}

/** Waits for the end of the start-up, since bootupd's service may adopt a boot loader. Ends the story by `skip` where nothing was installed for UEFI. */
export async function needInstalledLoader(
  guest: Guest,
  skip: (reason: string) => never,
): Promise<InstalledLoader> {
  const bootupd = bootupdOf(guest);
  await guest.systemd.settled();
  const version = (await bootupd.status())?.components["EFI"]?.installed.version;
  if (version === undefined)
    return skip(`The disk of '${guest.name}' was not installed by bootupd.`);
  const payload = await bootupd.payload(version);
  const partitions = (await bootupd.partitions()).filter(({ isOurs }) => isOurs);
  const whole = partitions.filter((one) => differences(payload, one).length === 0);
  return { bootupd, version, payload, partitions, whole };
}

/** Each of these partitions is there and has the payload, byte for byte; what others keep there is their business. */
export async function expectPayload(
  bootupd: BootupdReader,
  devices: readonly { readonly device: string }[],
  payload: Payload,
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
  }
}

/**
 * Waits for the end of the start-up of an upgraded guest and expects its boot loader on the partitions that had all of the old one; returns it,
 * path below EFI/ → sha256. Ends the story by `skip` where the upgrade does not bring a newer one.
 */
export async function expectNewLoader(
  guest: Guest,
  { bootupd, version, payload: old, whole }: InstalledLoader,
  { skip, note }: Pick<Stage, "skip" | "note">,
): Promise<Payload> {
  await guest.systemd.settled();
  const payload = await bootupd.payload(version);
  if (JSON.stringify(payload) === JSON.stringify(old))
    skip("The two images carry the same boot loader, so an update has nothing to do.");
  if ((await bootupd.status())?.components["EFI"]?.updatable === "would-downgrade")
    skip("The new image carries an older boot loader, which bootupd leaves alone.");
  note(await bootupd.afterBoot());
  await expectPayload(bootupd, whole, payload);
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
