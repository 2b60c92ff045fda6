import {
  expectEqual,
  expectThat,
  type Guest,
  missingLayers,
  scenario,
} from "../../harness/index.ts";

/** The layers in the repository are those of the deployments' images: none too many and none too few. */
async function expectNoOrphan(guest: Guest): Promise<void> {
  const layers = await guest.ostree.layers();
  const { stored, needed } = layers;
  const orphans = stored.filter((digest) => !needed.includes(digest));
  const missing = missingLayers(layers);
  expectThat(needed.length > 0, "No deployment tells of its layers.");
  expectEqual("The layers that no deployment needs", orphans, []);
  expectEqual("The layers that a deployment needs and that are gone", missing, []);
}

/**
 * 1. v1, v2 and v3 one after the other; 2. the next update is staged: the layers of v1, which is not deployed any more, are gone,
 * and those of all deployments are there; 3. ostree finds the repository whole, and the reboot lands in what was staged.
 */
export default scenario({
  summary: "Layers that no deployment needs are removed, and no others",
  needs: {
    images: ["previous", "candidate", "next"],
    boots: ["previous"],
    publishes: ["previous", "candidate", "next"],
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 19,

  async run({ images: { previous: v1, candidate: v2, next: v3 }, registry, boot, step, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    if ((await guest.backend()) !== "ostree")
      skip("Which layers bootc's composefs backend keeps is not told by refs of ostree.");

    await step("v2 is staged beside v1, with the layers of both", async () => {
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
      await expectNoOrphan(guest);
    });
    await step("v3 boots, and v1 is not deployed any more", async () => {
      await guest.reboot();
      await shelf.publish("os:stable", v3);
      await guest.bootc.upgrade();
      await guest.reboot();
      await guest.expectDeployments({ booted: v3, staged: null, rollback: v2 });
      expectEqual("The number of deployments", (await guest.ostree.deployments()).length, 2);
    });
    await step("the next update leaves no layer behind that nobody needs", async () => {
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v3, staged: v2, rollback: v2 });
      await expectNoOrphan(guest);
    });
    await step("the repository is whole, and what was staged boots", async () => {
      await guest
        .exec("ostree fsck --quiet", { timeoutMs: 1_800_000 })
        .then(({ exitCode, stderr }) =>
          expectThat(exitCode === 0, "ostree finds its repository damaged.", {
            said: stderr.slice(0, 1000),
          }),
        );
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v3 });
    });
  },
});
