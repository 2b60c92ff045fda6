import { expectEqual, isMute, judgeFaults, scenario } from "../../harness/index.ts";

/**
 * 1. the medium boots in a machine without a disk; 2. start-up settles; 3. somebody is logged in on the first seat, or an installer
 * runs; 4. no fatal journal line; 5. nothing is written to the medium; 6. a picture is kept. Where nothing can be asked: the
 * screen shows more than text.
 */
export default scenario({
  summary:
    "Boots the live medium to a session or an installer, with no fatal journal line and nothing written to the medium",
  needs: {
    images: ["candidate"],
    boots: [],
    live: ["candidate"],
    capabilities: ["screenshot"],
  },
  suite: "full",
  start: "cold",
  timeoutMinutes: 8,

  async run({ images: { candidate }, boot, step, note, screen }) {
    await using guest = await boot(candidate);
    const display = screen(guest);

    if (isMute(guest))
      await step("the screen shows more than text", () => display.expectGraphics());
    else {
      await step("start-up settles", () => guest.systemd.settled());
      const seat = await step("a session or an installer is there", () => guest.systemd.seat());
      note(
        seat.kind === "session"
          ? `A session of ${seat.session.user} is there (${seat.session.type}).`
          : seat.kind === "installer"
            ? `An installer runs (${seat.name}).`
            : "A login screen stands there, and nobody is logged in.",
      );
      const failed = await guest.systemd.failedUnits();
      if (failed.length > 0) note(`Units that failed: ${failed.slice(0, 10).join(", ")}.`);
      await step("the journal has no fatal line", async () => {
        judgeFaults(await guest.systemd.journalFaults(), guest.timeScale);
      });
      await step("nothing was written to the medium", async () => {
        expectEqual(
          "The list of CD drives that were written to",
          await guest.systemd.writtenDrives(),
          [],
        );
      });
    }
    await step("a picture of the screen is kept", async () => {
      note(
        `The screen shows ${(await display.photograph("session")) ?? "what nobody could tell"}.`,
      );
    });
  },
});
