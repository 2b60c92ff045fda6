import {
  dnfFor,
  expectEqual,
  expectThat,
  overlayNotice,
  rpmOf,
  scenario,
} from "../../harness/index.ts";

/** 1. `bootc usr-overlay` opens /usr; 2. a plain installation works without a word about it; 3. after a reboot the package is gone. */
export default scenario({
  summary: "After `bootc usr-overlay` dnf5 installs as anywhere, until the next boot",
  needs: { images: ["candidate"], promises: ["dnf5"], capabilities: ["services"] },
  suite: "full",
  measures: ["reboot.seconds"],
  timeoutMinutes: 8,

  async run({ images: { candidate }, use, boot, step, note, skip }) {
    await using rpms = await use("rpms");
    await using guest = await boot(candidate);
    const dnf = await dnfFor(guest, skip, "refusal");
    const rpm = rpmOf(guest);
    const before = await rpm.packages();

    await step("the overlay opens /usr", async () => {
      await guest.run`bootc usr-overlay`;
      await guest.run`touch /usr/bootgate-probe`;
      const overlay = (await guest.bootc.status()).status.usrOverlay;
      if (overlay === null) note("This bootc does not tell of the overlay in its status.");
      else expectEqual("The access mode of the overlay", overlay.accessMode, "readWrite");
    });
    await step("a plain installation works", async () => {
      const { stderr } = await dnf.run(["install", "bootgate-tool"], rpms.url);
      expectThat(!overlayNotice.test(stderr), "dnf5 tells of an overlay of its own.", { stderr });
      expectEqual("What the program says", await guest.run`bootgate-tool`, "bootgate-tool 2");
    });
    await step("after a reboot the package is gone", async () => {
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
