import {
  carriedPayload,
  commands,
  expectEqual,
  expectLoaderWell,
  expectPayload,
  type Guest,
  needInstalledLoader,
  prepareGuest,
  scenario,
  temporaryFiles,
  temporaryPath,
} from "../../harness/index.ts";

const state = "/boot/bootupd-state.json";
const keptState = "/var/lib/bootgate-bootupd-state.json";
const keptEfi = "/var/lib/bootgate-efi";

/**
 * 1. upgrade to the candidate, whose boot loader comes with the next boot; 2. the host is made one whose power went in the middle of
 * that: one file is still the old one, the folder in which bootupd makes the new ones is there with half a file, and bootupd's state is as
 * before, since what it notes of an update before it begins does not come into it (bootupd 0.3.2, `src/bootupd.rs`, update); 3. the
 * system boots, the update is completed with that boot, and nothing is left of the one that was cut off.
 */
export default scenario({
  summary:
    "An update of the boot loader that was cut off is completed, and the system boots between",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    promises: ["bootupd"],
    firmware: ["uefi"],
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 12,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, note, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    const installed = await needInstalledLoader(guest, skip);
    const { bootupd, version, payload: oldPayload, whole: ours } = installed;
    const [first] = ours;
    const memory = await guest.files.read(state);
    if (first === undefined || memory === null)
      return skip("The EFI system partition does not have the boot loader of the previous image.");
    await keepCopies(guest, first.device, memory);

    const { payload, changed } = await step("the candidate brings its boot loader", async () => {
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      await guest.systemd.settled();
      const payload = await carriedPayload(bootupd, version);
      const changed = Object.keys(oldPayload).filter(
        (path) => payload[path] !== undefined && payload[path] !== oldPayload[path],
      );
      if (changed.length === 0)
        skip("The two images carry the same boot loader, so an update has nothing to do.");
      note(await bootupd.afterBoot(installed.service));
      if ((await bootupd.status())?.components["EFI"]?.updatable === "would-downgrade")
        skip("The new image carries an older boot loader, which bootupd leaves alone.");
      await expectPayload(bootupd, ours, { payload, before: oldPayload });
      return { payload, changed };
    });
    await cutOff(guest, first.device, changed.at(-1) ?? "");
    await step("bootupd sees that an update is due", async () => {
      expectEqual(
        "What bootupd says of EFI",
        (await bootupd.status())?.components["EFI"]?.updatable,
        "upgradable",
      );
    });
    await step("the system boots, and the update is completed", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      await guest.systemd.settled();
      await bootupd.afterBoot(installed.service);
      await expectPayload(bootupd, ours, { payload, before: oldPayload });
      const left = (await bootupd.partitions()).filter(({ isOurs }) => isOurs);
      expectEqual("What is left of the update that was cut off", left.flatMap(temporaryFiles), []);
      await expectLoaderWell(bootupd);
    });
  },
});

/** Keeps what a host whose update is cut off still has. */
async function keepCopies(guest: Guest, device: string, memory: string): Promise<void> {
  await guest.files.write(keptState, memory);
  await prepareGuest(
    guest,
    "made to keep a copy of its boot loader",
    commands.inEfi(device, `mkdir -p ${keptEfi} && cp -r . ${keptEfi}/`),
  );
}

/** Leaves the host as a power cut does before the last file is written. */
async function cutOff(guest: Guest, device: string, late: string): Promise<void> {
  const half = temporaryPath(late);
  const folder = half.includes("/") ? half.slice(0, half.lastIndexOf("/")) : ".";
  await prepareGuest(
    guest,
    "left with a file of its old boot loader, and with half of the new one",
    commands.inEfi(
      device,
      `mkdir -p '${folder}' && head -c 512 '${late}' > '${half}' && cp '${keptEfi}/${late}' '${late}'`,
    ),
  );
  await prepareGuest(
    guest,
    "given bootupd's state from before the update",
    commands.inBoot(`cp ${keptState} ${state}`),
  );
}
