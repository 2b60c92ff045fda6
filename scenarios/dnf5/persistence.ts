import {
  dnfFor,
  expectEqual,
  expectRefused,
  persistRefusal,
  rpmOf,
  scenario,
} from "../../harness/index.ts";

const persist = "--setopt=persistence=persist";
const transient = "--setopt=persistence=transient";

/** 1. a persistent transaction is refused; 2. what is not a persistence is a mistake; 3. a transient one works without `--transient`; 4. and with it `persist` is refused as before. */
export default scenario({
  summary: "dnf5's `persistence` can ask for a transient transaction, and not for one that stays",
  needs: { images: ["candidate"], promises: ["dnf5"], capabilities: ["services"] },
  suite: "full",
  timeoutMinutes: 6,

  async run({ images: { candidate }, use, boot, step, skip }) {
    await using rpms = await use("rpms");
    await using guest = await boot(candidate);
    const dnf = await dnfFor(guest, skip, "transient");
    const refusal = persistRefusal(dnf.told);
    const refuses = async (): Promise<void> => {
      const result = await dnf.attempt([persist, "install", "bootgate-tool"], rpms.url);
      expectRefused("A persistent transaction", result, refusal);
    };

    await step("a persistent transaction is refused", async () => {
      await refuses();
      expectEqual("Whether rpm has bootgate-tool", await rpmOf(guest).has("bootgate-tool"), false);
      expectEqual("The overlay", (await guest.bootc.status()).status.usrOverlay, null);
    });
    await step("what is not a persistence is a mistake of the command line", async () => {
      const words = ["--setopt=persistence=bootgate", "install", "bootgate-tool"];
      expectEqual("The exit code", (await dnf.attempt(words, rpms.url)).exitCode, 2);
    });
    await step("a transient transaction is one without --transient", async () => {
      await dnf.run([transient, "install", "bootgate-tool"], rpms.url);
      expectEqual("Whether rpm has bootgate-tool", await rpmOf(guest).has("bootgate-tool"), true);
      const overlay = (await guest.bootc.status()).status.usrOverlay;
      expectEqual("The access mode of the overlay", overlay?.accessMode, "readOnly");
    });
    await step("with the overlay a persistent transaction is refused as before", refuses);
  },
});
