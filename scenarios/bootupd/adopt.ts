import {
  commands,
  expectEqual,
  expectLoaderWell,
  expectPayload,
  expectThat,
  type Guest,
  hashOn,
  isByStub,
  isBySystemdBoot,
  needInstalledLoader,
  prepareGuest,
  scenario,
  skipUnlessPromised,
} from "../../harness/index.ts";

/** By either, bootupd knows a system whose boot loader it may adopt (bootupd 0.3.2, `src/component.rs`, query_adopt_state). */
const marks = ["/ostree/deploy", "/sysroot/.coreos-aleph-version.json"];

/** Why bootupd adopts nothing on this system, or null. */
async function whyNothingAdopted(guest: Guest): Promise<string | null> {
  if ((await guest.files.read("/boot/bootupd-state.json")) === null)
    return "bootupd keeps its state elsewhere than in /boot, as with systemd-boot.";
  // skip_systemd_bootloaders of its `src/efi.rs`.
  if ((await isByStub(guest)) || (await isBySystemdBoot(guest)))
    return "bootupd leaves what systemd-boot or systemd-stub has started to bootctl.";
  for (const mark of marks) if ((await guest.attempt`test -e ${mark}`).exitCode === 0) return null;
  return "bootupd adopts only on systems of ostree, or of CoreOS.";
}

const foreign = "other/bootgate.efi";

/**
 * 1. a boot loader that bootupd knows nothing of, and that is another than the image's, is told to be adoptable; 2. it is adopted:
 * the EFI system partition has the image's payload, and what others keep there stays; 3. the system boots by it. The harness takes
 * bootupd's memory away and changes a file, since nothing installs systems without bootupd any more.
 */
export default scenario({
  summary: "bootupd adopts a boot loader that it did not install, and brings it up to date",
  needs: { images: ["candidate"], promises: ["bootupd"], firmware: ["uefi"] },
  suite: "full",
  measures: ["reboot.seconds"],
  timeoutMinutes: 6,

  async run({ images: { candidate }, boot, step, skip }) {
    await using guest = await boot(candidate);
    const { bootupd, payload, whole } = await needInstalledLoader(guest, skip, candidate);
    const [partition] = whole;
    const victim = Object.keys(payload)[0];
    if (partition === undefined || victim === undefined)
      return skipUnlessPromised(
        { image: candidate, promise: "bootupd", skip },
        "No EFI system partition has the image's payload.",
      );
    const why = await whyNothingAdopted(guest);
    if (why !== null) skip(why);
    const { device } = partition;

    await prepareGuest(
      guest,
      "given another boot loader",
      commands.inEfi(device, `echo >> '${victim}' && mkdir -p other && echo > ${foreign}`),
    );
    await prepareGuest(
      guest,
      "left without bootupd's state",
      commands.inBoot("mv /boot/bootupd-state.json /run/bootgate-bootupd-state.json"),
    );
    await step("a boot loader that nobody looks after is adoptable", async () => {
      const status = await bootupd.status();
      expectEqual("The installed components", Object.keys(status?.components ?? {}), []);
      expectThat(
        Object.keys(status?.adoptable ?? {}).includes("EFI"),
        "bootupd does not offer to adopt the EFI system partition.",
        { adoptable: Object.keys(status?.adoptable ?? {}).join(", ") || "nothing" },
      );
    });
    await step("it is adopted, with the image's payload, and the rest stays", async () => {
      await bootupd.run("adopt-and-update");
      await expectPayload(bootupd, whole, { payload });
      const after = (await bootupd.partitions()).find((one) => one.device === device);
      expectThat(
        after !== undefined && hashOn(after, foreign) !== undefined,
        "A file of somebody else is gone.",
        {
          file: `EFI/${foreign}`,
        },
      );
      await expectLoaderWell(bootupd);
    });
    await step("the system boots by it", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: candidate, staged: null, rollback: null });
    });
  },
});
