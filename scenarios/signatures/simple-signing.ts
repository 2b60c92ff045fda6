import { scenario } from "../../harness/index.ts";

/**
 * As `signatures/refused`, with OpenPGP signatures that lie on a server of files (containers-signature(5)): 1. a signed update is staged; 2. one
 * that nobody signed, 3. one that somebody else signed and 4. one that has the signature of another image are refused.
 */
export default scenario({
  summary: "The same holds for OpenPGP signatures of a lookaside server (simple signing)",
  needs: { images: ["candidate"], publishes: ["candidate"] },
  suite: "full",
  timeoutMinutes: 8,

  async run({ images: { candidate: v1 }, registry, use, boot, derive, requireSigned, step }) {
    await using shelf = await registry();
    await using files = await use("files");
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    const [signer, stranger] = [await shelf.signer(files), await shelf.signer(files)];
    await using signed = await requireSigned(guest, stable, signer);
    const v2 = await derive(v1, { name: "signed", files: { "/usr/lib/bootgate/signed": "" } });
    const v3 = await derive(v1, { name: "unsigned", files: { "/usr/lib/bootgate/unsigned": "" } });
    const expectUnchanged = (): Promise<void> =>
      guest.expectDeployments({ booted: v1, staged: v2, rollback: null });

    await step("a signed update is staged", async () => {
      await shelf.publish("os:signed", v2);
      await shelf.publish("os:stable", v2);
      await signer.sign("os:stable");
      await signed.expectTaken();
      await expectUnchanged();
    });
    await step("one that nobody signed is refused, and nothing changes", async () => {
      await shelf.publish("os:stable", v3);
      await signed.expectRefused("that nobody signed");
      await expectUnchanged();
    });
    await step("one that somebody else signed is refused, and nothing changes", async () => {
      await stranger.sign("os:stable");
      await signed.expectRefused("that another key signed");
      await expectUnchanged();
    });
    await step("one with another image's signature is refused, and nothing changes", async () => {
      await signer.sign("os:stable", "os:signed");
      await signed.expectRefused("that has another image's signature");
      await expectUnchanged();
    });
  },
});
