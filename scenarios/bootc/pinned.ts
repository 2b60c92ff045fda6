import {
  expectEqual,
  expectThat,
  isAtLeast,
  missingLayers,
  scenario,
} from "../../harness/index.ts";

/**
 * 1. pin v1; 2. upgrade to v2, and to v3: v1 would be gone by now, and is kept with its layers; 3. unpin it: the next upgrade lets it go.
 * bootc shows pins and does not set them; ostree does, so the story is for its backend.
 */
export default scenario({
  summary: "A pinned deployment outlives upgrades, and goes once it is not pinned any more",
  needs: {
    images: ["previous", "candidate", "next"],
    boots: ["previous"],
    publishes: ["previous", "candidate", "next"],
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 18,

  async run({ images: { previous: v1, candidate: v2, next: v3 }, registry, boot, step, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    const version = await guest.bootc.version();
    // Other deployments are in the status since then (bootc-dev/bootc, docs/src/host-v1.schema.json).
    if (!isAtLeast(version, "1.3")) skip(`'${version}' does not show pinned deployments.`);
    if ((await guest.backend()) !== "ostree")
      skip("Nothing pins a deployment of bootc's composefs backend.");

    const others = async (): Promise<readonly string[]> =>
      (await guest.bootc.status()).status.otherDeployments.flatMap(({ pinned, image }) =>
        pinned ? [image?.imageDigest ?? "not from an image"] : [],
      );
    await step("v1 is pinned", async () => {
      await guest.run`ostree admin pin 0`;
      const { booted } = (await guest.bootc.status()).status;
      expectThat(booted?.pinned === true, "The status does not say that it is pinned.");
    });
    await step("after two upgrades v1 is still there", async () => {
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      await guest.reboot();
      await shelf.publish("os:stable", v3);
      await guest.bootc.upgrade();
      await guest.reboot();
      await guest.expectDeployments({ booted: v3, staged: null, rollback: v2 });
      expectEqual("The pinned deployments", await others(), [v1.manifest ?? v1.digest]);
      const missing = missingLayers(await guest.ostree.layers());
      expectEqual("The layers that a deployment needs and that are gone", missing, []);
    });
    await step("once it is not pinned any more the next upgrade lets it go", async () => {
      const place = (await guest.ostree.deployments()).findIndex(({ pinned }) => pinned);
      expectThat(place >= 0, "ostree does not know the pinned deployment.");
      await guest.run`ostree admin pin --unpin ${place}`;
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v3 });
      const { otherDeployments } = (await guest.bootc.status()).status;
      expectEqual("The number of other deployments", otherDeployments.length, 0);
    });
  },
});
