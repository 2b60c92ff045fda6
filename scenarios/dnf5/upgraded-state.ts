import { dnfFor, expectEqual, expectThat, rpmOf, scenario } from "../../harness/index.ts";

/** So many of the packages that differ are looked at: each takes seconds under emulation. */
const lookedAt = 20;

/** A package that neither image has. */
const transient = "bootgate-tool";

/**
 * Files that an image changes after its packages are its own business (`remove-from-packages` of rpm-ostree, a Containerfile).
 *
 * 1. a package is installed for this boot, and the image is upgraded; 2. the new boot has the new image's package database: the files
 * of what it brought are whole, and what was transient is not known; 3. dnf5 agrees with rpm; 4. its history is the image's; 5. after a
 * rollback the old database is back.
 */
export default scenario({
  summary:
    "After an upgrade of the image, rpm and dnf5 know the packages of the new one and no others",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    promises: ["dnf5"],
  },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 16,

  async run({ images: { previous: v1, candidate: v2 }, registry, use, boot, step, note, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using rpms = await use("rpms");
    await using guest = await boot(v1, { follows: stable });
    const dnf = await dnfFor(guest, skip, "transient");
    const rpm = rpmOf(guest);
    const before = await rpm.packages();

    const isRecorded = await step("a transient package stands, and v2 is staged", async () => {
      await dnf.run(["install", "--transient", transient], rpms.url);
      const transactions = await dnf.transactionsOf(transient);
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
      return transactions !== null && transactions.length > 0;
    });
    const after = await step(
      "the new boot has the packages of v2, and they are whole",
      async () => {
        await guest.reboot();
        await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
        await dnfFor(guest, skip, "transient", v2);
        const packages = await rpm.packages();
        expectThat(!(await rpm.has(transient)), "rpm has a package of the boot before.");
        const brought = packages.filter((name) => !before.includes(name));
        if (brought.length === 0) note("Both images have the same packages.");
        const looked = [...new Set([...brought, ...packages])].slice(0, lookedAt);
        const changed: string[] = [];
        for (const name of looked) {
          const files = await rpm.verify(name);
          if (files.length > 0) changed.push(`${name}: ${files.slice(0, 3).join(", ")}`);
        }
        expectThat(
          changed.length * 2 < looked.length || changed.length === 0,
          "Half of the packages or more are not as the package database says, so it is of another image.",
          { changed: changed.join("\n") },
        );
        if (changed.length > 0)
          note(`Changed in the image after its packages: ${changed.join("; ")}`);
        return packages;
      },
    );
    await step("dnf5 knows the same packages as rpm, and nothing of the boot before", async () => {
      const words = [
        "repoquery",
        "--installed",
        "--qf",
        "%{name}-%{version}-%{release}.%{arch}\\n",
      ];
      const { stdout } = await dnf.run(words);
      const known = stdout
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("gpg-pubkey-"));
      expectEqual("The packages that dnf5 knows", known.sort(), after);
      const transactions = isRecorded ? await dnf.transactionsOf(transient) : null;
      if (transactions === null) note("dnf5 does not tell its history of a package here.");
      else expectThat(transactions.length === 0, "dnf5 has the history of the boot before.");
    });
    await step("after a rollback the packages of v1 are back", async () => {
      await guest.bootc.rollback();
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
      expectEqual("The list of packages", await rpm.packages(), before);
    });
  },
});
