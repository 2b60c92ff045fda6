import { expectBadSignaturesRefused, scenario } from "../../harness/index.ts";

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
    await using lookaside = await use("files");
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    await expectBadSignaturesRefused(
      { derive, requireSigned, step },
      { shelf, guest, image: v1, stable, lookaside },
    );
  },
});
