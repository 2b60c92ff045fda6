import { expectBadSignaturesRefused, scenario } from "../../harness/index.ts";

/**
 * 1. boot the candidate and tell it whose signatures it takes; 2. a signed update is staged; 3. one that nobody signed, 4. one that somebody
 * else signed, and 5. one that has the signature of another image are refused. The picture of all slots stays, and the store gets nothing.
 */
export default scenario({
  summary: "An update without a good signature is refused, and what is staged stays",
  needs: { images: ["candidate"], publishes: ["candidate"] },
  suite: "full",
  timeoutMinutes: 8,

  async run({ images: { candidate: v1 }, registry, boot, derive, requireSigned, step }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });
    await expectBadSignaturesRefused(
      { derive, requireSigned, step },
      { shelf, guest, image: v1, stable },
    );
  },
});
