import { expectEqual, expectThat, journalFault, quoting, scenario } from "../../harness/index.ts";

/** The first names: a broken image may have thousands of failed units, and may choose what they are called. */
const someOf = (units: readonly string[]): string =>
  [
    ...units.slice(0, 20).map((unit) => (unit.length > 100 ? `${unit.slice(0, 99)}…` : unit)),
    ...(units.length > 20 ? [`and ${units.length - 20} more`] : []),
  ].join(", ");

/** 1. boot the candidate cold; 2. start-up settles; 3. no unit failed or is stuck; 4. no fatal journal line; 5. record SELinux. */
export default scenario({
  summary: "Boots from power-on to a settled system with no failed unit and no fatal journal line",
  needs: { images: ["candidate"] },
  start: "cold",
  timeoutMinutes: 5,

  async run({ images: { candidate }, boot, step, note }) {
    await using guest = await boot(candidate);

    const word = await step("start-up settles", () => guest.systemd.settled());
    await step("no unit has failed", async () => {
      const units = await guest.systemd.failedUnits();
      expectThat(
        units.length === 0,
        quoting`${units.length} unit(s) failed at boot: ${someOf(units)}.`,
      );
    });
    await step("no unit is stuck restarting", async () => {
      expectEqual("The list of units that keep restarting", await guest.systemd.stuckUnits(), []);
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
    await step("the state of SELinux is known", async () => {
      const enforce = await guest.files.read("/sys/fs/selinux/enforce");
      const state =
        enforce === null ? "absent" : enforce.trim() === "1" ? "enforcing" : "permissive";
      note(`SELinux is ${state}.`);
    });
  },
});
