import {
  expectEqual,
  expectNoOrphan,
  expectOnlyDeployed,
  type Guest,
  type Image,
  isAtLeast,
  objectsOf,
  type Shelf,
  type Stage,
  scenario,
} from "../../harness/index.ts";

/** From this release on bootc promises upgrades of its composefs backend. */
const promisedOnComposefs = "1.16";

/**
 * No object is gone that a deployment needs. One that is other than its name says was not made so by what removes others: what is about
 * those is returned as a sentence for a note, or null.
 */
async function expectNothingLost(guest: Guest): Promise<string | null> {
  const { damaged, missing } = await objectsOf(guest).fsck();
  expectEqual("The objects that a deployment needs and that are gone", missing, []);
  const count = damaged.length === 1 ? "1 object" : `${damaged.length} objects`;
  return damaged.length === 0
    ? null
    : `ostree finds ${count} to be other than its name says; composefs/fsck judges that.`;
}

type Story = Stage<"previous" | "candidate" | "next">;

/**
 * bootc's composefs backend removes what is booted of a deployment when it goes, and the rest once another one is staged, for which it
 * does not take an image that is deployed (bootc-dev/bootc, `bootc_composefs/{update,finalize}.rs`): so there is a fourth one.
 */
async function collectOnComposefs(guest: Guest, shelf: Shelf, story: Story): Promise<void> {
  const { images, step, derive, note, skip } = story;
  const { previous: v1, candidate: v2, next: v3 } = images;
  const version = await guest.bootc.version();
  if (!isAtLeast(version, promisedOnComposefs))
    skip(
      `'${version}' does not promise upgrades of its composefs backend; ${promisedOnComposefs} does.`,
    );
  const gone = (await guest.bootc.status()).status.booted?.composefs?.verity ?? "";
  const upgradeTo = async (image: Image): Promise<void> => {
    await shelf.publish("os:stable", image);
    await guest.bootc.upgrade();
  };
  const v4 = await derive(v3, { name: "collected", files: { "/usr/lib/bootgate/collected": "" } });

  await step("v2 and v3 boot, so that v1 is not deployed any more", async () => {
    await guest.expectDeployments({ booted: v1, staged: null, rollback: null });
    await upgradeTo(v2);
    await guest.reboot();
    await upgradeTo(v3);
    await guest.reboot();
    await guest.expectDeployments({ booted: v3, staged: null, rollback: v2 });
  });
  await step("the next update leaves nothing behind of a deployment that is gone", async () => {
    await upgradeTo(v4);
    await guest.expectDeployments({ booted: v3, staged: v4, rollback: v2 });
    const unseen = await expectOnlyDeployed(guest, gone);
    if (unseen !== null) note(unseen);
  });
  await step("what was staged boots", async () => {
    await guest.reboot();
    await guest.expectDeployments({ booted: v4, staged: null, rollback: v3 });
  });
}

/**
 * 1. v1, v2 and v3 one after the other; 2. the next update is staged: the layers of v1, which is not deployed any more, are gone,
 * and those of all deployments are there; 3. ostree misses no object, and the reboot lands in what was staged.
 */
export default scenario({
  summary: "What no deployment needs any more is removed, and nothing else",
  needs: {
    images: ["previous", "candidate", "next"],
    boots: ["previous"],
    publishes: ["previous", "candidate", "next"],
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 19,

  async run(story) {
    const { images, registry, boot, step, note } = story;
    const { previous: v1, candidate: v2, next: v3 } = images;
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    if ((await guest.backend()) === "composefs")
      return await collectOnComposefs(guest, shelf, story);

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
    await step("no object is gone, and what was staged boots", async () => {
      const others = await expectNothingLost(guest);
      if (others !== null) note(others);
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v3 });
    });
  },
});
