import { expectThat, scenario } from "../../harness/index.ts";

/** What completes a staged deployment at shutdown: with the ostree backend, with the composefs backend. */
const finalisers = ["ostree-finalize-staged.service", "bootc-finalize-staged.service"];

/** 1. boot v1 and stage v2; 2. reboot; 3. the booted digest is the staged one, else the finalisation's journal says why (bootc-dev/bootc#855). */
export default scenario({
  summary: "What was staged is what boots next, or the finalisation says why not",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
  },
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 8,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });

    const stagedDigest = await step("upgrade stages a deployment", async () => {
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      const { staged } = (await guest.bootc.status()).status;
      expectThat(staged?.image != null, "After the upgrade nothing is staged.");
      return staged.image.imageDigest;
    });
    await step("the staged deployment is the one that boots", async () => {
      await guest.reboot();
      const { booted } = (await guest.bootc.status()).status;
      const bootedDigest = booted?.image?.imageDigest ?? "no image";
      if (bootedDigest === stagedDigest) return;
      const journals = await Promise.all(
        finalisers.map((unit) => guest.systemd.journal({ boot: -1, unit, lines: 40 })),
      );
      expectThat(false, "The staged deployment is gone: the reboot came up in another one.", {
        staged: stagedDigest,
        booted: bootedDigest,
        finalising:
          journals.flat().join("\n") || "the journal of the last boot does not have a line of it",
      });
    });
  },
});
