import { expectThat, isAtLeast, scenario } from "../../harness/index.ts";

/** `--download-only` came with bootc 1.12, and to the composefs backend some weeks later (bootc-dev/bootc#1915). */
const since = { ostree: "1.12", composefs: "1.13" } as const;

/**
 * 1. boot v1, download v2 only; 2. a reboot stays in v1 and drops it; 3. download again and release it, without any network;
 * 4. the next reboot lands in v2.
 */
export default scenario({
  summary: "What was downloaded only is not applied before somebody says so",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 12,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    const version = await guest.bootc.version();
    const backend = await guest.backend();
    if (!isAtLeast(version, since[backend]))
      skip(
        `'${version}' does not have --download-only, which came with bootc ${since[backend]} (${backend}).`,
      );

    const download = async (): Promise<void> => {
      await guest.bootc.upgrade("--download-only");
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
      const { staged } = (await guest.bootc.status()).status;
      expectThat(staged?.downloadOnly === true, "The staged deployment is not download-only.");
    };
    await step("the update is staged and held back", async () => {
      await shelf.publish("os:stable", v2);
      await download();
    });
    await step("a reboot stays in v1 and drops what was held back", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: null });
    });
    await step("what is downloaded again is released without a look at the registry", async () => {
      await download();
      await shelf.publish("os:stable", v1);
      await guest.bootc.upgrade("--from-downloaded");
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
      const { staged } = (await guest.bootc.status()).status;
      expectThat(staged?.downloadOnly === false, "The staged deployment is still download-only.");
    });
    await step("the reboot lands in v2 and keeps v1 for rollback", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
  },
});
