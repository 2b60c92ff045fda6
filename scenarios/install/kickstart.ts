import { expectEqual, expectThat, journalFault, quoting, scenario } from "../../harness/index.ts";

/** 1. the installer installs; 2. the disk boots alone, cold; 3. start-up settles; 4. no unit failed; 5. no fatal journal line. */
export default scenario({
  summary:
    "Installs from the ISO by kickstart, then boots from the installed disk alone to a healthy system",
  needs: { images: ["candidate"], installs: ["candidate"] },
  suite: "full",
  measures: ["install.seconds"],
  start: "cold",
  timeoutMinutes: 8,

  async run({ images: { candidate }, boot, step }) {
    await using guest = await boot(candidate);

    const word = await step("start-up settles", () => guest.systemd.settled());
    await step("no unit has failed", async () => {
      const units = await guest.systemd.failedUnits();
      expectThat(
        units.length === 0,
        quoting`${units.length} unit(s) failed: ${units.slice(0, 20).join(", ").slice(0, 2000)}.`,
      );
    });
    await step("systemd says the system is running", async () => {
      expectEqual("The state of the system", word, "running");
    });
    await step("the journal has no fatal line", async () => {
      const lines = await guest.systemd.journal({ lines: 5000 });
      const fatal = lines.filter((line) => journalFault(line) !== null);
      expectThat(fatal.length === 0, "The journal of this boot has fatal lines.", {
        lines: fatal.slice(0, 10).join("\n"),
      });
    });
  },
});
