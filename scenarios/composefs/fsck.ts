import { commands, expectEqual, expectThat, objectsOf, scenario } from "../../harness/index.ts";

/** 1. `ostree fsck` reads every object and finds nothing; 2. so does bootc's own check, where there is one. */
export default scenario({
  summary: "`ostree fsck` finds every object of the repository as it should be, and says so",
  needs: { images: ["candidate"] },
  suite: "full",
  timeoutMinutes: 12,

  async run({ images: { candidate }, boot, step, note, skip }) {
    await using guest = await boot(candidate);
    const backend = await step("the system has a repository", () => guest.backend());
    if (backend === "composefs")
      return skip(
        "bootc's composefs backend does not have a check of its objects: 'bootc internals fsck' is not there for it yet.",
      );

    await step("ostree fsck finds nothing", async () => {
      const objects = objectsOf(guest);
      const { isClean, damaged, said } = await objects.fsck();
      expectThat(
        damaged.length === 0 || !(await objects.areShownRight(damaged)),
        "Objects have other attributes than they were named by, while the system shows the right ones (bootc-dev/bootc#1216, ostreedev/ostree#3343).",
        { objects: damaged.join("\n") },
      );
      expectEqual("The list of damaged objects", damaged, []);
      expectThat(isClean, "'ostree fsck' does not say that there is nothing wrong.", { said });
    });
    await step("bootc's own check finds nothing", async () => {
      const { exitCode, stdout, stderr } = await guest.exec(commands.bootcFsck);
      // 2 is what an unknown word on bootc's command line ends with (clap); a stand-in says what it is.
      if (exitCode === 127 || exitCode === 2 || /is not in bootgate's stand-in/.test(stderr))
        return note("This system does not have 'bootc internals fsck'.");
      expectThat(exitCode === 0, "'bootc internals fsck' found something.", { stdout, stderr });
    });
  },
});
