import { expectEqual, scenario } from "../../harness/index.ts";

/** How bootc refuses to enforce what a policy would not (ostree-ext, `container/store.rs`; bootc-dev/bootc#528). */
const takesAnything = /specifies a default of `insecureAcceptAnything`/;

/**
 * 1. where the policy takes what it does not know, `bootc switch --enforce-container-sigpolicy` is refused; 2. with a policy that refuses by
 * default it stages a signed image, and the status says so; 3. it still does after the reboot; 4. upgrades ask for such a policy from then on.
 */
export default scenario({
  summary: "Signatures that a switch enforces are told by the status and asked for later",
  needs: { images: ["candidate"], publishes: ["candidate"] },
  suite: "full",
  timeoutMinutes: 8,

  async run({
    images: { candidate: v1 },
    registry,
    boot,
    derive,
    requireSigned,
    step,
    skip,
    note,
  }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    if ((await guest.backend()) === "composefs")
      skip("What a switch enforces is written into the origin of a deployment of ostree.");
    const signer = await shelf.signer();
    const signed = await requireSigned(guest, stable, signer);
    const v2 = await derive(v1, { name: "signed", files: { "/usr/lib/bootgate/signed": "" } });
    await shelf.publish("os:stable", v2);
    await signer.sign("os:stable");
    const why = "under a policy that takes anything, though signatures are to be enforced";

    if (signed.acceptsByDefault)
      await step("nothing is enforced under a policy that takes anything", async () => {
        await signed.expectRefused(why, { enforced: stable }, takesAnything);
        await guest.expectDeployments({ booted: v1, staged: null, rollback: null });
      });
    else note("The image's own policy refuses what it does not know.");
    await step("a switch that enforces signatures stages a signed image and says so", async () => {
      await signed.rejectByDefault(true);
      await signed.expectTaken({ enforced: stable });
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
      const { staged } = (await guest.bootc.status()).status;
      expectEqual("What enforces signatures", staged?.image?.image.signature, "containerPolicy");
    });
    await step("the system that boots says so too", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      const { booted } = (await guest.bootc.status()).status;
      expectEqual("What enforces signatures", booted?.image?.image.signature, "containerPolicy");
    });
    if (signed.acceptsByDefault)
      await step("its upgrades are refused under a policy that takes anything", async () => {
        await signed.rejectByDefault(false);
        await signed.expectRefused(why, "upgrade", takesAnything);
        await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      });
    await step("its upgrades are taken under a policy that asks for signatures", async () => {
      await signed.rejectByDefault(true);
      await signed.expectTaken();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
    });
  },
});
