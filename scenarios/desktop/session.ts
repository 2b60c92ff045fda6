import {
  expectDisplayManager,
  expectEqual,
  expectPicture,
  needDesktop,
  readDesktop,
  scenario,
} from "../../harness/index.ts";

/**
 * 1. the display manager runs, whichever it is; 2. start-up settles; 3. graphical.target, which is the default, is reached; 4. somebody is
 * logged in on the first seat, or a login screen stands there; 5. the display manager was not started again and again; 6. the
 * screen is not all of one colour, where the machine has one.
 */
export default scenario({
  summary:
    "Boots to a desktop: its display manager runs, and a session or a login screen is on the first seat",
  needs: { images: ["candidate"], promises: ["desktop"] },
  suite: "full",
  start: "cold",
  timeoutMinutes: 9,

  async run({ images: { candidate }, boot, step, skip, note, screen }) {
    await using guest = await boot(candidate);
    await needDesktop(guest, { image: candidate, skip });

    const manager = await step("its display manager runs", () => expectDisplayManager(guest));
    await step("start-up settles", () => guest.systemd.settled());
    await step("graphical.target is reached", async () => {
      expectEqual("The state of graphical.target", (await readDesktop(guest)).graphical, "active");
    });
    const seat = await step("a session or a login screen is there", () => guest.systemd.seat());
    await step("its display manager still runs, and was not started again and again", () =>
      expectDisplayManager(guest),
    );
    note(
      seat.kind === "session"
        ? `A session of ${seat.session.user} is there (${seat.session.type}), by ${manager}.`
        : seat.kind === "installer"
          ? `An installer runs (${seat.name}), by ${manager}.`
          : `A login screen stands there (${seat.session.type}), by ${manager}.`,
    );
    if (!guest.machine.hasScreen) note("The machine does not have a screen to look at.");
    else
      await step("the screen is not all of one colour", async () => {
        note(`The screen shows ${await expectPicture(guest, screen(guest))}.`);
      });
  },
});
