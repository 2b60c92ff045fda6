import {
  dnfFor,
  expectEqual,
  expectThat,
  overlayNotice,
  rpmOf,
  scenario,
} from "../../harness/index.ts";

/**
 * 1. `dnf5 install --transient` installs; 2. the overlay is read-only for everybody else; 3. upgrade, downgrade, swap and removal work
 * in it; 4. after a reboot the overlay is gone with all packages that were in it.
 */
export default scenario({
  summary: "`dnf5 --transient` changes packages for this boot, for itself alone",
  needs: { images: ["candidate"], promises: ["dnf5"], capabilities: ["services"] },
  suite: "full",
  measures: ["reboot.seconds"],
  timeoutMinutes: 12,

  async run({ images: { candidate }, use, boot, step, skip }) {
    await using rpms = await use("rpms");
    await using guest = await boot(candidate);
    const dnf = await dnfFor(guest, skip, "transient");
    const rpm = rpmOf(guest);
    const before = await rpm.packages();
    const here = async (): Promise<readonly string[]> =>
      (await rpm.packages()).filter((name) => !before.includes(name));

    await step("a package is installed, and dnf5 says for how long", async () => {
      const { stderr } = await dnf.run(["install", "--transient", "bootgate-tool-1"], rpms.url);
      expectThat(overlayNotice.test(stderr), "dnf5 does not tell of the overlay.", { stderr });
      expectEqual("What is installed besides", await here(), ["bootgate-tool-1-1.noarch"]);
      expectEqual("What the program says", await guest.run`bootgate-tool`, "bootgate-tool 1");
    });
    await step("nobody else can write to /usr", async () => {
      const { exitCode } = await guest.attempt`touch /usr/bootgate-probe`;
      expectThat(exitCode !== 0, "Every process can write to /usr.");
      expectEqual("The overlay", (await guest.bootc.status()).status.usrOverlay, {
        accessMode: "readOnly",
        persistence: "transient",
      });
    });
    await step("further changes go into the same overlay", async () => {
      const { stderr } = await dnf.run(["upgrade", "--transient", "bootgate-tool"], rpms.url);
      expectThat(!overlayNotice.test(stderr), "dnf5 tells of another overlay.");
      expectEqual("What is there after the upgrade", await here(), ["bootgate-tool-2-1.noarch"]);
      await dnf.run(["downgrade", "--transient", "bootgate-tool"], rpms.url);
      expectEqual("What is there after the downgrade", await here(), ["bootgate-tool-1-1.noarch"]);
      await dnf.run(["swap", "--transient", "bootgate-tool", "bootgate-rival"], rpms.url);
      expectEqual("What is there after the swap", await here(), ["bootgate-rival-1-1.noarch"]);
      await dnf.run(["remove", "--transient", "bootgate-rival"], rpms.url);
      expectEqual("What is there after the removal", await here(), []);
      await dnf.run(["install", "--transient", "bootgate-tool"], rpms.url);
    });
    await step("after a reboot all of it is gone", async () => {
      await guest.reboot();
      expectEqual("The list of packages", await rpm.packages(), before);
      expectEqual(
        "The program's file",
        await guest.files.read("/usr/share/bootgate-tool/version"),
        null,
      );
      expectEqual("The overlay", (await guest.bootc.status()).status.usrOverlay, null);
    });
  },
});
