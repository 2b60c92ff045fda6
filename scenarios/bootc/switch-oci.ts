import { bringImage, expectEqual, scenario, whyNoLayout } from "../../harness/index.ts";

const folder = "/var/lib/bootgate-images/os";

/**
 * An image in a folder of the host: 1. copy v2 into it; 2. switch to it; 3. reboot: v2 runs and follows the folder; 4. v3 is put
 * under the same tag: an upgrade finds it there, and the reboot lands in it.
 */
export default scenario({
  summary: "Switch to an image in a folder of the host (oci), and follow that from then on",
  needs: {
    images: ["previous", "candidate", "next"],
    boots: ["previous"],
    publishes: ["previous", "candidate", "next"],
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 18,

  async run({ images: { previous: v1, candidate: v2, next: v3 }, registry, boot, step, skip }) {
    const unfit = whyNoLayout([v2, v3]);
    if (unfit !== null) skip(unfit);
    await using shelf = await registry();
    await shelf.publish("os:stable", v1);
    await using guest = await boot(v1);
    await guest.backend();
    // bootc itself needs skopeo; an image may keep it where no shell finds it.
    if ((await guest.attempt`skopeo --version`).exitCode !== 0)
      skip("The image does not have skopeo, by which the story copies the image.");
    const copy = async (reference: string): Promise<void> => {
      const target = `oci:${folder}:stable`;
      const copying = ["skopeo", "copy", "--quiet", "--preserve-digests"];
      await bringImage(guest, ...copying, `docker://${reference}`, target);
    };

    await step("v2 lies in a folder of the host", async () => {
      await guest.run`mkdir -p ${folder}`;
      await copy(await shelf.publish("os:next", v2));
    });
    await step("switch stages v2 and leaves v1 running", async () => {
      await guest.bootc.switch(`${folder}:stable`, "oci");
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
    });
    await step("reboot lands in v2, which follows the folder", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      const { booted } = (await guest.bootc.status()).status;
      expectEqual("The transport", booted?.image?.image.transport, "oci");
      // bootc shows the folder with its tag or without (docs/src/host-v1.schema.json, and its fixture of a local folder).
      expectEqual("The folder", booted?.image?.image.image.replace(/:stable$/, ""), folder);
    });
    await step("what is put there next is found by an upgrade, and boots", async () => {
      await copy(await shelf.publish("os:next", v3));
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v2, staged: v3, rollback: v1 });
      await guest.reboot();
      await guest.expectDeployments({ booted: v3, staged: null, rollback: v2 });
    });
  },
});
