import {
  expectGreen,
  expectThat,
  expectWantedRan,
  needGreenboot,
  scenario,
  statedBoots,
  withCheck,
} from "../../harness/index.ts";

/**
 * 1. what runs health checks and what a red boot is left by is enabled; 2. this boot is green, and GRUB and a person are told; 3. an update
 * with a wanted check that fails boots, its check has run, and the boot is green all the same.
 */
export default scenario({
  summary:
    "A boot whose health checks end well is told to be green, and a wanted check that fails changes nothing",
  needs: { images: ["candidate"], publishes: ["candidate"], promises: ["greenboot"] },
  suite: "full",
  measures: ["upgrade.seconds", "pulled.bytes"],
  timeoutMinutes: 10,

  async run({ images: { candidate }, registry, boot, derive, step, skip, note }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", candidate);
    await using guest = await boot(candidate, { follows: stable });
    const greenboot = await needGreenboot(guest, { image: candidate, skip });
    if (greenboot.dialect === null)
      note(
        "The image's greenboot does not have a unit of 0.15 or 0.16 that prepares the way back.",
      );

    await step("what a red boot is left by is enabled", async () => {
      expectThat(
        greenboot.idle.length === 0,
        "Units of greenboot that a red boot is left by are not enabled.",
        { units: greenboot.idle.join(", ") },
      );
    });
    await step("the boot is green, and says so", () => expectGreen(guest));
    const unwell = await derive(candidate, withCheck("wanted", false));
    await step("an update whose wanted check fails boots", async () => {
      await shelf.publish("os:stable", unwell);
      await guest.bootc.upgrade();
      // A red boot would be none of the network's: the one before was green in the same.
      await guest.machine.rebootThroughRed({ restarts: statedBoots(greenboot) + 2 });
      await guest.expectDeployments({ booted: unwell, staged: null, rollback: candidate });
    });
    await step("it is green all the same", async () => {
      await expectGreen(guest);
      await expectWantedRan(guest);
      await guest.expectDeployments({ booted: unwell, staged: null, rollback: candidate });
    });
  },
});
