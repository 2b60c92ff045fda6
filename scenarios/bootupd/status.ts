import {
  bootupdOf,
  bySystemdBoot,
  carriedPayload,
  describePackages,
  expectEqual,
  expectLoaderValid,
  expectPayload,
  expectThat,
  isBySystemdBoot,
  linesFor,
  packagesOf,
  parseSavedState,
  quoting,
  scenario,
} from "../../harness/index.ts";

/**
 * 1. bootupd knows the component by which the machine booted, and nothing is out of date or was interrupted; 2. it tells a person the same; 3. it
 * finds nothing changed; 4. each EFI system partition has the image's payload, byte for byte; 5. its state file, in whichever form a release of
 * bootupd wrote it, says the same as its status.
 */
export default scenario({
  summary:
    "bootupd knows what it installed, and the EFI system partition has the image's boot loader",
  needs: { images: ["candidate"], promises: ["bootupd"] },
  suite: "full",
  timeoutMinutes: 3,

  async run({ images: { candidate }, boot, step, note, skip }) {
    await using guest = await boot(candidate);
    const bootupd = bootupdOf(guest);
    const isPromised = candidate.catalogue?.promises.includes("bootupd") === true;
    const isUefi = (await guest.attempt`test -e /sys/firmware/efi`).exitCode === 0;

    const components = await step(
      "bootupd knows its components, and none is out of date",
      async () => {
        // Its service may adopt a boot loader at the first boot.
        await guest.systemd.settled();
        const status = await bootupd.status();
        const known = Object.keys(status?.components ?? {});
        if (!isPromised && status === null) skip("The image does not have bootupctl.");
        if (!isPromised && known.length === 0) skip("The disk was not installed by bootupd.");
        expectThat(status !== null, "The image does not have bootupctl, which it promises.");
        const booted = isUefi ? "EFI" : "BIOS";
        if (status.components[booted] === undefined && (await isBySystemdBoot(guest)))
          skip(bySystemdBoot);
        expectThat(
          status.components[booted] !== undefined,
          quoting`bootupd does not know the component ${booted}, by which this machine booted.`,
          { known: known.join(" ") || "none" },
        );
        for (const [name, { updatable, interrupted }] of Object.entries(status.components)) {
          expectEqual(`What bootupd says of ${name}`, updatable, "at-latest-version");
          expectEqual(`The interrupted update of ${name}`, interrupted ?? null, null);
        }
        return status.components;
      },
    );
    for (const [name, { installed }] of Object.entries(components))
      note(`The boot loader for ${name} is ${describePackages(packagesOf(installed))}.`);
    const { EFI, BIOS } = components;
    await step("it tells a person the same", async () => {
      const told = await bootupd.statusLines();
      expectEqual("What `bootupctl status` says", told, linesFor({ components, adoptable: {} }));
    });

    await step("bootupd finds nothing changed", () => expectLoaderValid(bootupd));
    if (EFI !== undefined)
      await step("each EFI system partition has the image's payload", async () => {
        const payload = await carriedPayload(bootupd, EFI.installed.version);
        expectThat(Object.keys(payload).length > 0, "The image does not carry a payload for EFI.");
        // One of another disk is somebody else's: another system's, a disk of data.
        const ours = (await bootupd.partitions()).filter(({ isOurs }) => isOurs);
        expectThat(ours.length > 0, "No disk of this system has an EFI system partition.");
        await expectPayload(bootupd, ours, { payload });
      });
    // With other boot loaders the file lies on the EFI system partition (bootupd, src/backend/statefile.rs).
    if (BIOS !== undefined || EFI?.installed.version.includes("grub2") === true)
      await step("the state file says the same", async () => {
        const text = await guest.files.read("/boot/bootupd-state.json");
        expectThat(text !== null, "/boot/bootupd-state.json is not there.");
        const saved = parseSavedState(text, guest.name);
        for (const [name, { installed }] of Object.entries(components)) {
          const kept = saved.installed[name];
          expectThat(
            kept?.version === installed.version,
            quoting`/boot/bootupd-state.json does not name the version of ${name}.`,
            { version: installed.version, file: text.slice(0, 500) },
          );
          expectEqual(`The packages of ${name} in it`, kept.packages, packagesOf(installed));
        }
      });
  },
});
