import {
  expectEqual,
  expectNoFailedUnit,
  isAtLeast,
  scenario,
  skipUnlessPromised,
  softRebootIntoStaged,
  whyNoSoftReboot,
} from "../../harness/index.ts";

/** `--soft-reboot` of `bootc upgrade` (bootc-dev/bootc, crates/lib/src/cli.rs). */
const since = "1.7";

/**
 * 1. v2 is staged; where it has the same kernel, kernel arguments and SELinux policy, a promised soft reboot has to be possible; 2. a soft reboot lands in it under the same kernel; 3. it is well
 * there, and its deployments can be told; 4. a full reboot lands in it as well.
 */
export default scenario({
  summary: "A soft reboot lands in the update under the same kernel, and so does the next full one",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    promises: ["soft-reboot"],
    from: "staged",
  },
  suite: "full",
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 14,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v2);
    await using guest = await boot(v1, { follows: stable });
    const version = await guest.bootc.version();
    if (!isAtLeast(version, since)) {
      const reason = `'${version}' does not have --soft-reboot, which came with bootc ${since}.`;
      // A previous image that nobody named was derived: its bootc is the candidate's own.
      if (v1.derivedFrom === v2.digest)
        skipUnlessPromised({ image: v2, promise: "soft-reboot", skip }, reason);
      skip(reason);
    }
    if (v1.standIns.includes("bootc") && (await guest.backend()) === "composefs")
      skip(`'${version}' stands in for bootc and has --soft-reboot with the ostree backend only.`);

    const hindrance = await step(
      "the update is staged, and a soft reboot is possible",
      async () => {
        await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
        return whyNoSoftReboot(guest, { from: v1, to: v2 });
      },
    );
    if (hindrance !== null) skip(hindrance);
    await step("a soft reboot lands in v2 under the same kernel", async () => {
      await softRebootIntoStaged(guest);
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
    await step("it is well there", async () => {
      await guest.systemd.settled();
      await expectNoFailedUnit(guest);
    });
    await step("a full reboot lands in v2 as well", async () => {
      const kernel = await guest.bootId();
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      expectEqual("Whether the kernel is another boot's", (await guest.bootId()) !== kernel, true);
    });
  },
});
