import {
  dnfFor,
  expectRefused,
  expectThat,
  genericRefusal,
  isAtLeast,
  rpmOf,
  scenario,
} from "../../harness/index.ts";

/**
 * 1. where dnf5 finds no bootc it refuses without a word of it; 2. so it does where an overlay is asked for; 3. and nothing has changed. Where
 * bootc has the system, dnf5 is called so that it does not find it.
 */
export default scenario({
  summary: "Without bootc dnf5 refuses in general words, and offers no overlay",
  needs: { images: ["candidate"], promises: ["dnf5"], capabilities: ["services"] },
  suite: "full",
  timeoutMinutes: 4,

  async run({ images: { candidate }, use, boot, step, skip }) {
    await using rpms = await use("rpms");
    await using guest = await boot(candidate);
    const dnf = await dnfFor(guest, skip, "bootc", "any");
    const { exitCode } = await guest.attempt`bootc --version`;
    const isBootc = exitCode === 0 && (await guest.bootc.status()).spec.image !== null;
    const refusal = genericRefusal(dnf.told);
    const refuses = async (words: readonly string[]): Promise<void> => {
      const result = await (isBootc ? dnf.attemptAlone : dnf.attempt)(words, rpms.url);
      expectRefused(`'dnf5 ${words.join(" ")}'`, result, refusal);
    };

    await step("an installation is refused in general words", () =>
      refuses(["install", "bootgate-tool"]),
    );
    if (isAtLeast(dnf.told, "5.4.3"))
      await step("so is one into an overlay", () =>
        refuses(["install", "--transient", "bootgate-tool"]),
      );
    await step("nothing was installed", async () => {
      expectThat(!(await rpmOf(guest).has("bootgate-tool")), "rpm has bootgate-tool.");
    });
  },
});
