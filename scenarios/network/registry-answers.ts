import {
  expectFollows,
  expectNoOrphan,
  expectSwitchRefused,
  expectUpgradeRefused,
  scenario,
} from "../../harness/index.ts";

const faults = [
  ["the registry ends each connection", { kind: "down" }],
  ["the registry wants to know who asks (401)", { kind: "status", status: 401, of: "everything" }],
  ["the registry does not have the image (404)", { kind: "status", status: 404, of: "manifests" }],
  ["the registry is asked too often (429)", { kind: "status", status: 429, of: "manifests" }],
  ["the registry fails itself (500)", { kind: "status", status: 500, of: "manifests" }],
  ["half of a manifest comes", { kind: "half-manifest" }],
] as const;

/**
 * v1 runs and v2 is staged. 1. each time that the registry of the next update answers wrongly, `bootc upgrade` fails and says so, and nothing
 * changes; 2. so does a switch to where nobody listens, and to a name that nobody knows; 3. with the registry well again the update is staged.
 */
export default scenario({
  summary:
    "A registry that cannot be reached or answers wrongly changes nothing, and the next update works",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    from: "staged",
  },
  suite: "full",
  timeoutMinutes: 15,

  async run({ images: { previous: v1, candidate: v2 }, use, boot, derive, step, note }) {
    await using registry = await use("faultyRegistry");
    const stable = await registry.publish("os:stable", v2);
    const v3 = await derive(v2, { name: "after-trouble", files: { "/usr/lib/bootgate/v3": "" } });
    await using guest = await boot(v1, { follows: stable });
    const unchanged = { booted: v1, staged: v2, rollback: null };
    await guest.expectDeployments(unchanged);
    await registry.publish("os:stable", v3);

    for (const [what, fault] of faults)
      await step(`${what}: an upgrade fails and changes nothing`, () =>
        expectUpgradeRefused(guest, fault, { registry, unchanged, note }),
      );
    await step("a switch to where nobody listens fails and changes nothing", async () => {
      const closed = stable.replace(/:\d+\//, ":5999/");
      await expectSwitchRefused(guest, closed, { registry, unchanged, note });
    });
    await step("a switch to a name that nobody knows fails and changes nothing", async () => {
      const unknown = "registry.bootgate.invalid/os:stable";
      await expectSwitchRefused(guest, unknown, { registry, unchanged, note });
      await expectFollows(guest, stable);
    });
    await step("with the registry well again an upgrade stages the update", async () => {
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v1, staged: v3, rollback: null });
      if ((await guest.backend()) === "ostree") await expectNoOrphan(guest);
    });
  },
});
