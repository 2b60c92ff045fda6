import {
  expectEqual,
  expectStillOpen,
  expectThat,
  type Guest,
  isAtLeast,
  modeOf,
  scenario,
  whyUsrOpen,
} from "../../harness/index.ts";

const probe = "/usr/bootgate-probe";

/** `bootc status` tells the overlay since then (bootc-dev/bootc#2022). */
const toldSince = "1.15";

async function expectClosed(guest: Guest): Promise<void> {
  const { exitCode } = await guest.attempt`touch ${probe}`;
  expectThat(exitCode !== 0, "A file could be created in /usr.");
}

/** 1. /usr cannot be written; 2. `bootc usr-overlay` opens it, and the status says so; 3. after a reboot all of it is gone. */
export default scenario({
  summary: "`bootc usr-overlay` opens /usr for this boot and leaves nothing behind",
  needs: { images: ["candidate"] },
  suite: "full",
  measures: ["reboot.seconds"],
  timeoutMinutes: 6,

  async run({ images: { candidate }, boot, step, note, skip }) {
    await using guest = await boot(candidate);

    await step("/usr cannot be written at first", async () => {
      const why = await whyUsrOpen(guest);
      if (why !== null) return skip(why);
      await expectClosed(guest);
    });
    await step("the overlay opens /usr", async () => {
      const before = await modeOf(guest, "/usr");
      await guest.run`bootc usr-overlay`;
      await guest.run`touch ${probe}`;
      await expectStillOpen(guest, "/usr", before);
      const { usrOverlay } = (await guest.bootc.status()).status;
      if (usrOverlay === null && !isAtLeast(await guest.bootc.version(), toldSince))
        note("This bootc does not tell of the overlay in its status.");
      else
        expectEqual("The overlay", usrOverlay, {
          accessMode: "readWrite",
          persistence: "transient",
        });
    });
    await step("after a reboot the overlay is gone with what was in it", async () => {
      await guest.reboot();
      expectThat(
        (await guest.files.read(probe)) === null,
        "What was written to /usr outlived the reboot.",
      );
      await expectClosed(guest);
      expectEqual("The overlay", (await guest.bootc.status()).status.usrOverlay, null);
    });
  },
});
