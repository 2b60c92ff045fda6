import {
  expectEqual,
  expectStillOpen,
  expectThat,
  modeOf,
  needReadOnlyOverlay,
  scenario,
} from "../../harness/index.ts";

const probe = "/usr/bootgate-probe";
const alone = "/usr/bootgate-alone";

/**
 * 1. `bootc usr-overlay --read-only` lays an overlay over /usr that nobody can write to, and the status says so; 2. a process that
 * makes it writable for itself alone (as `dnf5 --transient` does) can; 3. after a reboot all of it is gone.
 */
export default scenario({
  summary:
    "`bootc usr-overlay --read-only` keeps /usr closed for all but a process that opens it for itself",
  needs: { images: ["candidate"] },
  suite: "full",
  measures: ["reboot.seconds"],
  timeoutMinutes: 6,

  async run({ images: { candidate }, boot, step, skip }) {
    await using guest = await boot(candidate);
    await needReadOnlyOverlay(guest, skip);
    const expectClosed = async (): Promise<void> => {
      const { exitCode } = await guest.attempt`touch ${probe}`;
      expectThat(exitCode !== 0, "Every process can write to /usr.");
    };

    await step("the overlay is there, and /usr stays closed", async () => {
      const before = await modeOf(guest, "/usr");
      await guest.run`bootc usr-overlay --read-only`;
      await expectStillOpen(guest, "/usr", before);
      expectEqual("The overlay", (await guest.bootc.status()).status.usrOverlay, {
        accessMode: "readOnly",
        persistence: "transient",
      });
      await expectClosed();
    });
    await step("a process that opens it for itself alone writes to it", async () => {
      // As dnf5 does: libdnf5/utils/bootc.cpp.
      const opening = "mount --options-source=disable -o remount,rw /usr";
      await guest.run`unshare --mount sh -c ${`${opening} && touch ${alone}`}`;
      expectEqual("What it wrote", await guest.files.read(alone), "");
      await expectClosed();
    });
    await step("after a reboot the overlay is gone with what was in it", async () => {
      await guest.reboot();
      expectThat(
        (await guest.files.read(alone)) === null,
        "What was written to /usr outlived the reboot.",
      );
      expectEqual("The overlay", (await guest.bootc.status()).status.usrOverlay, null);
      await expectClosed();
    });
  },
});
