import {
  expectNoOrphan,
  expectThat,
  expectUpgradeRefused,
  isOvercome,
  scenario,
} from "../../harness/index.ts";

const path = "/usr/lib/bootgate/large";
/** Some 13 seconds at 10 kB/s. */
const large = (version: string): string => `${version} of what comes\n`.repeat(8000);

const faults = [
  ["a layer that cannot be had (500)", { kind: "status", status: 500, of: "layers" }],
  ["a layer that is cut off at 10 %", { kind: "cut", at: 0.1 }],
  ["a layer that is cut off at 50 %", { kind: "cut", at: 0.5 }],
  ["a layer that is cut off at 99 %", { kind: "cut", at: 0.99 }],
  ["a layer with another byte in it", { kind: "wrong-byte" }],
] as const;

/**
 * v1 runs and v2 is staged. 1. v3 comes at 10 kB/s, and is staged; 2. each time that the layer of v4 does not come whole, `bootc upgrade` fails and
 * says so, and leaves neither another deployment nor that layer; 3. where it is cut off once, the pull goes on or fails likewise; 4. v4 can be had
 * then, boots, and its file is what was published.
 */
export default scenario({
  summary:
    "A pull that is slow or breaks off leaves nothing half done, and the next one brings the update whole",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    from: "staged",
  },
  suite: "full",
  measures: ["reboot.seconds"],
  timeoutMinutes: 16,

  async run({ images: { previous: v1, candidate: v2 }, use, boot, derive, step, note }) {
    await using registry = await use("faultyRegistry");
    const stable = await registry.publish("os:stable", v2);
    const v3 = await derive(v2, { name: "slow", files: { [path]: large("v3") } });
    const v4 = await derive(v2, { name: "broken-off", files: { [path]: large("v4") } });
    await using guest = await boot(v1, { follows: stable });
    const unchanged = { booted: v1, staged: v3, rollback: null };
    const pull = { registry, unchanged, note };
    const expectV4Staged = async (): Promise<void> => {
      await guest.expectDeployments({ booted: v1, staged: v4, rollback: null });
      if ((await guest.backend()) === "ostree") await expectNoOrphan(guest);
    };

    await step("an update that comes slowly is staged", async () => {
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
      await registry.publish("os:stable", v3);
      registry.breakBy({ kind: "slow", bytesPerSecond: 10_000, bytes: 140_000 });
      await guest.bootc.upgrade();
      registry.mend();
      await guest.expectDeployments(unchanged);
    });
    await registry.publish("os:stable", v4);
    for (const [what, fault] of faults)
      await step(`${what}: an upgrade fails and leaves nothing of it`, () =>
        expectUpgradeRefused(guest, fault, pull),
      );
    const isThere = await step("a layer that is cut off once is got whole, or told", async () => {
      const overcome = await isOvercome(guest, { kind: "cut", at: 0.5, times: 1 }, pull);
      if (overcome) await expectV4Staged();
      return overcome;
    });
    await step("over a good network the update is staged", async () => {
      if (!isThere) await guest.bootc.upgrade();
      await expectV4Staged();
    });
    await step("it boots, and has what was published", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v4, staged: null, rollback: v1 });
      const read = await guest.files.read(path);
      expectThat(read === large("v4"), "The file of the update is not what was published.", {
        file: path,
        bytes: `${read?.length ?? 0}, of ${large("v4").length} that were published`,
      });
    });
  },
});
