import { expectEqual, expectThat, scenario } from "../../harness/index.ts";

/** 1. boot the candidate, whose tag stands for it; 2. check and upgrade; 3. nothing has changed, and a second check has nothing to tell. There is no exit code for "no update", so the status decides. */
export default scenario({
  summary: "An upgrade with nothing new changes nothing",
  needs: { images: ["candidate"], publishes: ["candidate"] },
  timeoutMinutes: 4,

  async run({ images: { candidate }, registry, boot, step }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", candidate);
    await using guest = await boot(candidate, { follows: stable });

    const expectNone = (isNone: boolean, said: string): void =>
      expectThat(isNone, "The check tells of an update.", { said: said.slice(0, 1000) });
    await step("a check finds no update", async () => {
      const said = await guest.bootc.upgrade("--check");
      const { booted } = (await guest.bootc.status()).status;
      const update = booted?.cachedUpdate?.imageDigest ?? null;
      expectEqual(
        "The digest of the cached update",
        update ?? candidate.manifest,
        candidate.manifest,
      );
      // What came under another reference is told as an update to itself; the composefs backend tells of layers only
      // (bootc-dev/bootc, `cli.rs` and `bootc_composefs/update.rs`).
      const isNone =
        (await guest.backend()) === "ostree"
          ? update !== null || !/^Update available/m.test(said)
          : /^No changes/m.test(said);
      expectNone(isNone, said);
    });
    await step("upgrade stages nothing", async () => {
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: candidate, staged: null, rollback: null });
    });
    await step("once it was pulled, a check does not find it again", async () => {
      const said = await guest.bootc.upgrade("--check");
      expectNone(!/^Update available/m.test(said), said);
    });
  },
});
