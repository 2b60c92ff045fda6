import { expectEqual, type Guest, isAtLeast, scenario } from "../../harness/index.ts";

/**
 * The composefs backend tells the opposite with systemd-boot and unified kernels (bootc-dev/bootc#2405), so there the reboot
 * alone decides.
 */
async function expectQueued(guest: Guest, expected: boolean): Promise<void> {
  const { rollbackQueued, booted } = (await guest.bootc.status()).status;
  if (booted?.composefs?.bootType !== "Uki")
    expectEqual("Whether a rollback is queued", rollbackQueued, expected);
}

/** The composefs backend drops what is staged since bootc-dev/bootc#2213; 1.16.9 has it. */
const dropsOnComposefs = "1.16.9";

/**
 * 1. from v1, upgraded to v2; 2. a rollback is queued, a second one takes it back, and the reboot stays in v2; 3. a rollback
 * drops a staged update.
 */
export default scenario({
  summary: "A second rollback takes the first one back, and a rollback drops what is staged",
  needs: {
    images: ["previous", "candidate", "next"],
    boots: ["previous"],
    publishes: ["previous", "candidate", "next"],
    from: "upgraded",
  },
  suite: "full",
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 14,

  async run({ images: { previous: v1, candidate: v2, next: v3 }, registry, boot, step, note }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v2);
    await using guest = await boot(v1, { follows: stable });

    const version = await guest.bootc.version();
    const drops = (await guest.backend()) === "ostree" || isAtLeast(version, dropsOnComposefs);
    await step("the first rollback is queued and the second takes it back", async () => {
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      await guest.bootc.rollback();
      await expectQueued(guest, true);
      await guest.bootc.rollback();
      await expectQueued(guest, false);
    });
    await step("the reboot stays in v2", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
    await step("a rollback drops a staged update", async () => {
      if (drops) {
        await shelf.publish("os:stable", v3);
        await guest.bootc.upgrade();
        await guest.expectDeployments({ booted: v2, staged: v3, rollback: v1 });
      } else
        note(
          `The composefs backend of '${version}' does not promise to drop what is staged; not tried.`,
        );
      await guest.bootc.rollback();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
    await step("the reboot lands in v1", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
    });
  },
});
