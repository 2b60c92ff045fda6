import {
  bringImage,
  expectEqual,
  expectThat,
  quoting,
  scenario,
  whyNoLayout,
} from "../../harness/index.ts";

const archive = "/var/tmp/bootgate-update.ociarchive";

/**
 * A host without a registry: 1. fetch v2 as one file; 2. switch to it; 3. reboot: v2 runs and follows the file; 4. without the
 * file an upgrade is refused and changes nothing.
 */
export default scenario({
  summary: "Switch to an image that came as one file (oci-archive)",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
  },
  suite: "full",
  measures: ["reboot.seconds"],
  timeoutMinutes: 14,

  async run({ images: { previous: v1, candidate: v2 }, use, boot, step, skip }) {
    const unfit = whyNoLayout([v2]);
    if (unfit !== null) skip(unfit);
    await using files = await use("files");
    const url = await files.serveImage("/update.ociarchive", v2);
    await using guest = await boot(v1);
    await guest.backend();
    if ((await guest.attempt`curl --version`).exitCode !== 0)
      skip("The image does not have curl, by which the story fetches the file.");

    await step("the image is fetched as one file", async () => {
      const fetching = ["curl", "--fail", "--silent", "--show-error", "--output", archive];
      await bringImage(guest, ...fetching, url);
    });
    await step("switch stages v2 and leaves v1 running", async () => {
      await guest.bootc.switch(archive, "oci-archive");
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
    });
    await step("reboot lands in v2, which follows the file", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      const { booted } = (await guest.bootc.status()).status;
      const { transport, image } = booted?.image?.image ?? { transport: "", image: "" };
      expectEqual("The transport of the booted deployment", transport, "oci-archive");
      expectThat(image.startsWith(archive), quoting`The booted deployment follows ${image}.`, {
        expected: archive,
      });
    });
    await step("without the file an upgrade is refused and changes nothing", async () => {
      await guest.files.remove(archive);
      const { exitCode, stderr } = await guest.bootc.tryUpgrade();
      expectThat(exitCode === 1, "The upgrade was not refused.", {
        "exit code": String(exitCode),
        stderr: stderr.slice(0, 1000),
      });
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
  },
});
