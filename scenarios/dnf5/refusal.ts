import {
  dnfFor,
  expectEqual,
  expectRefused,
  expectThat,
  isAtLeast,
  lockedRefusal,
  rpmOf,
  scenario,
} from "../../harness/index.ts";

const change = ["install", "bootgate-tool"] as const;
/** Nothing is looked up for any of them, even for a package that nobody has. An older dnf5 finds nothing to do first. */
const changes = [
  change,
  ["install", "bootgate-nobody-has-this"],
  ["upgrade"],
  ["remove", "bootgate-nobody-has-this"],
] as const;

/**
 * 1. whatever changes the system is refused in the words of this version, and since 5.4.3 at once; 2. queries are answered; 3. so is what
 * changes nothing here; 4. the system is as it was. Until 5.4.1 dnf5 asks ostree and not bootc whether the system is one of these.
 */
export default scenario({
  summary: "dnf5 refuses to change a read-only system, says what to do, and answers all else",
  needs: { images: ["candidate"], promises: ["dnf5"], capabilities: ["services"] },
  suite: "full",
  timeoutMinutes: 8,

  async run({ images: { candidate }, use, boot, step, note, skip }) {
    await using rpms = await use("rpms");
    await using guest = await boot(candidate);
    const dnf = await dnfFor(guest, skip, "refusal");
    const refusal = lockedRefusal(dnf.told);
    const isEarly = isAtLeast(dnf.told, "5.4.3");
    if (!isEarly) note(`dnf5 ${dnf.told} may look a package up before it refuses to install it.`);
    const before = await rpmOf(guest).packages();

    const refuses = async (): Promise<void> => {
      for (const words of isEarly ? changes : [change]) {
        const result = await dnf.attempt(words, rpms.url);
        expectRefused(`'dnf5 ${words.join(" ")}'`, result, refusal);
      }
    };
    if (isEarly)
      await step("what changes the system is refused before anything is looked up", async () => {
        await refuses();
        expectEqual("How often metadata was asked for", rpms.askedFor("repodata/repomd.xml"), 0);
      });
    else await step("what changes the system is refused", refuses);
    await step("queries are answered", async () => {
      const words = ["repoquery", "--available", "--qf", "%{name}-%{version}\\n", "bootgate-tool"];
      const { stdout } = await dnf.run(words, rpms.url);
      expectEqual("The versions of bootgate-tool", stdout.split(/\s+/).filter(Boolean).sort(), [
        "bootgate-tool-1",
        "bootgate-tool-2",
      ]);
    });
    await step("what leaves the system as it is, is not refused", async () => {
      if (isEarly) {
        const asked = await dnf.attempt(["install", "--assumeno", "bootgate-tool"], rpms.url);
        expectThat(
          asked.exitCode === 1 && /bootgate-tool/.test(asked.stdout),
          "'dnf5 install --assumeno' does not show what it would do.",
          { "exit code": String(asked.exitCode), stderr: asked.stderr.trim().slice(0, 500) },
        );
      }
      await dnf.run(["install", "--downloadonly", "bootgate-tool"], rpms.url);
      const root = "/var/tmp/bootgate-root";
      const elsewhere = [`--installroot=${root}`, "--use-host-config"];
      await dnf.run([...elsewhere, "install", "bootgate-tool"], rpms.url);
      const installed = await guest.files.read(`${root}/usr/share/bootgate-tool/version`);
      expectEqual("The version that is installed elsewhere", installed, "2\n");
    });
    await step("the system is as it was", async () => {
      expectEqual("The list of packages", await rpmOf(guest).packages(), before);
      expectEqual("The overlay", (await guest.bootc.status()).status.usrOverlay, null);
      const { exitCode } = await guest.attempt`touch /usr/bootgate-probe`;
      expectThat(exitCode !== 0, "A file could be created in /usr.");
    });
  },
});
