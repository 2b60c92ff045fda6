import {
  commands,
  expectEqual,
  expectLoaderWell,
  expectNewLoader,
  findDisk,
  needInstalledLoader,
  prepareGuest,
  scenario,
} from "../../harness/index.ts";

const diskMiB = 64;
const kept = "/var/lib/bootgate-efi";
const efiType = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";

/** Makes an EFI system partition with a copy of the system's own boot loader, as on the disk of another system of the same kind. */
const makePartition = (disk: string): string =>
  [
    "set -e",
    `disk=${disk}`,
    `echo 'type=${efiType}, name=bootgate' | sfdisk --quiet --label gpt "$disk"`,
    "udevadm settle",
    'part=$(lsblk --list --noheadings --paths --output NAME "$disk" | tail -n 1)',
    'mkfs.vfat "$part" > /dev/null',
    "mkdir -p /run/bootgate-other",
    'mount -t vfat "$part" /run/bootgate-other',
    "mkdir -p /run/bootgate-other/EFI",
    `cp -r ${kept}/. /run/bootgate-other/EFI/`,
    "umount /run/bootgate-other",
  ].join("\n");

/**
 * 1. a machine with a second disk, on which another system of the same kind has its boot loader, is upgraded: bootupd brings the
 * candidate's boot loader to the disk that the root lies on, and leaves the other disk as it was, to the byte; 2. it does not hold
 * against the system what is on the other disk. Where the root lies on both disks both are the system's own, and `bootupd/update` and
 * `bootupd/status` look at both (bootupd 0.3.2, `src/efi.rs`; bootc, `blockdev`, find_colocated_esps).
 */
export default scenario({
  summary: "bootupd updates the disk that the system lies on, and leaves another disk alone",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    promises: ["bootupd"],
    firmware: ["uefi"],
    blankDisksMiB: [diskMiB],
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 10,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, note, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    const installed = await needInstalledLoader(guest, skip);
    const { bootupd } = installed;
    const [own] = installed.whole;
    if (own === undefined)
      return skip("The EFI system partition does not have the boot loader of the previous image.");
    for (const tool of ["sfdisk", "mkfs.vfat"])
      if ((await guest.exec(commands.hasProgram(tool))).exitCode !== 0)
        skip(`The image does not have ${tool}, by which the second disk is made.`);
    const disk = await findDisk(guest, diskMiB);
    await prepareGuest(
      guest,
      "made to keep a copy of its boot loader",
      commands.inEfi(
        own.device,
        // Unified kernel images lie there, too (Boot Loader Specification, type 2): not the boot loader's, and too large for the disk.
        `mkdir -p ${kept} && cp -r . ${kept}/ && rm -rf ${kept}/Linux`,
      ),
    );
    await prepareGuest(
      guest,
      "given a second disk with a boot loader",
      commands.inOwnMounts(makePartition(disk)),
    );
    const others = (await bootupd.partitions()).filter(({ isOurs }) => !isOurs);
    if (others.length === 0) return skip("The second disk does not count as another one here.");

    await step("the update comes to the disk of the system, and not to the other", async () => {
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      await expectNewLoader(guest, installed, { skip, note });
      const after = (await bootupd.partitions()).filter(({ isOurs }) => !isOurs);
      expectEqual("What lies on the other disk", after, others);
    });
    await step("bootupd does not ask for the candidate's boot loader there", () =>
      expectLoaderWell(bootupd),
    );
  },
});
