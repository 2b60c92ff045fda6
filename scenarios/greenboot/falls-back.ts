import {
  checkPath,
  expectGreen,
  expectStatedBoots,
  expectThat,
  needGreenboot,
  scenario,
  skipUnlessPromised,
  statedBoots,
  tellsFallback,
  whyNotCounted,
  withCheck,
} from "../../harness/index.ts";

/** So many boots more than stated are looked at, so that there is a number to tell. */
const atMostMore = 2;

/**
 * 1. from a green boot, an update whose required check fails is left again by restarts that nobody asks for, and the deployment before it
 * runs; 2. in no more boots than the image's configuration states; 3. it is told, and that boot is green; 4. another reboot stays there;
 * 5. an update whose check is good is kept, and nothing tells of a fallback any more.
 */
export default scenario({
  summary: "A required health check that fails falls back to the deployment before the update",
  needs: { images: ["candidate"], publishes: ["candidate"], promises: ["greenboot"] },
  suite: "full",
  measures: ["upgrade.seconds", "pulled.bytes"],
  timeoutMinutes: 32,

  async run({ images: { candidate }, registry, boot, derive, step, skip, note }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", candidate);
    await using guest = await boot(candidate, { follows: stable });
    const greenboot = await needGreenboot(guest, { image: candidate, skip });
    const uncounted = await whyNotCounted(guest);
    if (uncounted?.isImages === true)
      skipUnlessPromised({ image: candidate, promise: "greenboot", skip }, uncounted.reason);
    if (uncounted !== null) skip(uncounted.reason);
    const stated = statedBoots(greenboot);
    const restarts = stated + atMostMore;
    const bad = await derive(candidate, withCheck("required", false));
    const good = await derive(bad, withCheck("required", true));

    await step("the boot before the update is green", () => expectGreen(guest));
    await step("an update whose required check fails is left for the one before", async () => {
      await shelf.publish("os:stable", bad);
      await guest.bootc.upgrade();
      await guest.machine.rebootThroughRed({ past: checkPath("required"), restarts });
      await guest.systemd.settled();
      await guest.expectDeployments({ booted: candidate, staged: null, rollback: bad });
    });
    await step("it had no more boots than are stated", async () => {
      const boots = await expectStatedBoots(guest, greenboot);
      if (boots < stated)
        note(
          `The update was booted ${boots} time(s) before it was left, and ${stated} are stated.`,
        );
    });
    await step("the boot after the fallback is green, and tells of it", async () => {
      await expectGreen(guest);
      const isTold = await tellsFallback(guest);
      // 0.16 knows it from the journal of the boot before.
      const isKept = isTold || (await guest.systemd.journal({ boot: -1, lines: 1 })).length > 0;
      expectThat(isTold || !isKept, "Nothing tells that the update was left.");
      if (!isKept)
        note("Nothing tells that the update was left: no journal of the boot before was kept.");
    });
    await step("another reboot stays there", async () => {
      await guest.machine.rebootThroughRed({ restarts });
      await guest.expectDeployments({ booted: candidate, staged: null, rollback: bad });
      await expectGreen(guest);
    });
    await step("an update whose check is good is kept", async () => {
      await shelf.publish("os:stable", good);
      await guest.bootc.upgrade();
      await guest.machine.rebootThroughRed({ restarts });
      await guest.expectDeployments({ booted: good, staged: null, rollback: candidate });
      await expectGreen(guest);
      expectThat(!(await tellsFallback(guest)), "A fallback is told of that is over.");
    });
  },
});
