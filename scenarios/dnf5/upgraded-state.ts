import {
  dnfOf,
  expectEqual,
  expectThat,
  type Guest,
  needDnf,
  rpmOf,
  scenario,
  whyNotTransient,
} from "../../harness/index.ts";

/** How dnf5 is to tell packages: as rpm does. */
const asRpm = "%{name}-%{version}-%{release}.%{arch}\\n";

/** So many of the packages that differ are looked at: each takes seconds under emulation. */
const lookedAt = 20;
/** An image may change files of fewer packages behind its database's back. */
const fewest = 3;

/** A package that neither image has. */
const transient = "bootgate-tool";

/** Packages with files that the booted and the other deployment do not share; null where nothing tells them. */
async function differing(guest: Guest): Promise<readonly string[] | null> {
  if ((await guest.backend()) !== "ostree") return null;
  const deployments = await guest.ostree.deployments();
  const booted = deployments.find((one) => one.booted)?.checksum;
  const other = deployments.find((one) => one.rollback)?.checksum;
  if (booted === undefined || other === undefined) return null;
  return rpmOf(guest).ownersOfDifferences(other, booted);
}

/** At most `lookedAt` of them, from all over the list. */
const spread = (names: readonly string[]): readonly string[] => {
  const each = Math.max(1, names.length / lookedAt);
  return names.filter((_, at) => Math.floor(at / each) !== Math.floor((at - 1) / each));
};

/**
 * Files that an image changes after its packages are its own business (`remove-from-packages` of rpm-ostree, a Containerfile).
 *
 * 1. where dnf5 and bootc are new enough for it a package is installed for this boot, and the image is upgraded; 2. the new boot has the new image's package database: what was
 * transient is not known, and packages that are new or have files that the images do not share are whole; 3. dnf5 agrees with rpm, and
 * its history does not have what was transient; 4. after a rollback the old database is back.
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
    const told = await needDnf(guest, skip);
    const why = await whyNotTransient(guest, told);
    if (why !== null) note(`Nothing is said of transient packages: ${why}`);
    const rpm = rpmOf(guest);
    const before = await rpm.packages();

    const first = why === null ? "a transient package stands, and v2 is staged" : "v2 is staged";
    const isRecorded = await step(first, async () => {
      const dnf = dnfOf(guest, told);
      if (why === null) await dnf.run(["install", "--transient", transient], rpms.url);
      const transactions = why === null ? await dnf.transactionsOf(transient) : null;
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
      return transactions !== null && transactions.length > 0;
    });
    const { dnf, packages: after } = await step(
      "the new boot has the packages of v2, and they are whole",
      async () => {
        await guest.reboot();
        await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
        const dnf = dnfOf(guest, await needDnf(guest, skip, v2));
        const packages = await rpm.packages();
        expectThat(!(await rpm.has(transient)), "rpm has a package of the boot before.");
        const brought = packages.filter((name) => !before.includes(name));
        const others = await differing(guest);
        if (others === null) note("Nothing tells which files differ, so new packages count alone.");
        const telling = [...new Set([...brought, ...(others ?? [])])].sort();
        if (telling.length === 0) note("No package differs between the images.");
        const looked = spread(telling);
        const changed: string[] = [];
        for (const name of looked) {
          const files = await rpm.verify(name);
          if (files.length > 0) changed.push(`${name}: ${files.slice(0, 3).join(", ")}`);
        }
        expectThat(
          changed.length < fewest || changed.length * 2 < looked.length,
          "Half or more of the packages that differ between the images are not as the package database says, so it is of another image.",
          { changed: changed.join("\n") },
        );
        if (changed.length > 0)
          note(`Changed in the image after its packages: ${changed.join("; ")}`);
        return { dnf, packages };
      },
    );
    await step("dnf5 knows the same packages as rpm, and nothing of the boot before", async () => {
      const { stdout } = await dnf.run(["repoquery", "--installed", "--qf", asRpm]);
      const known = stdout
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("gpg-pubkey-"));
      expectEqual("The packages that dnf5 knows", known.sort(), after);
      const transactions = isRecorded ? await dnf.transactionsOf(transient) : null;
      if (transactions === null && why === null)
        note("dnf5 does not tell its history of a package here.");
      if (transactions !== null)
        expectThat(transactions.length === 0, "dnf5 has the history of the boot before.");
    });
    await step("after a rollback the packages of v1 are back", async () => {
      await guest.bootc.rollback();
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
      expectEqual("The list of packages", await rpm.packages(), before);
    });
  },
});
