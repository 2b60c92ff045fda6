import { bringImage, expectEqual, expectThat, keepsFolder, scenario } from "../../harness/index.ts";

/**
 * The way of who builds on the host itself: 1. podman pulls v2; 2. switch to it in podman's storage; 3. reboot: v2 runs and
 * follows the storage; 4. without it an upgrade is refused and changes nothing.
 */
export default scenario({
  summary: "Switch to an image in podman's storage (containers-storage)",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
  },
  suite: "full",
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 14,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, skip }) {
    await using shelf = await registry();
    const next = await shelf.publish("os:next", v2);
    await using guest = await boot(v1);
    await guest.backend();
    if ((await guest.attempt`podman --version`).exitCode !== 0)
      skip("The image does not have podman, whose storage the story is about.");
    if (!(await keepsFolder(guest, "/var")))
      skip(
        "/var is in memory by the image's own setting, so podman's storage does not outlive a reboot.",
      );

    await step("podman has v2", async () => {
      await bringImage(guest, "podman", "pull", "--quiet", next);
      const got = await guest.run`podman image inspect --format ${"{{.Digest}}"} ${next}`;
      expectEqual("The digest that podman tells", got, v2.manifest ?? v2.digest);
    });
    await step("switch stages v2 and leaves v1 running", async () => {
      await guest.bootc.switch(next, "containers-storage");
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
    });
    await step("reboot lands in v2, which follows podman's storage", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      const { booted } = (await guest.bootc.status()).status;
      expectEqual("The transport", booted?.image?.image.transport, "containers-storage");
      expectEqual("The reference", booted?.image?.image.image, next);
    });
    await step(
      "once podman does not have it an upgrade is refused and changes nothing",
      async () => {
        await guest.run`podman rmi ${next}`;
        const { exitCode, stderr } = await guest.bootc.tryUpgrade();
        expectThat(exitCode === 1, "The upgrade was not refused.", {
          "exit code": String(exitCode),
          stderr: stderr.slice(0, 1000),
        });
        await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      },
    );
  },
});
