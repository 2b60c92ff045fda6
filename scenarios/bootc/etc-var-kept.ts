import { expectEqual, expectThat, type Guest, scenario } from "../../harness/index.ts";

const added = "/etc/bootgate-added.conf";
const addedLater = "/etc/bootgate-added-later.conf";
const kept = "/var/lib/bootgate-kept";
const keptLater = "/var/lib/bootgate-kept-later";

/** 1. in v1 add, change and delete files in /etc and write to /var; 2. upgrade and reboot: all is merged and kept; 3. change more in v2; 4. roll back: v1 has its own /etc again, /var is shared. */
export default scenario({
  summary: "Local changes in /etc are merged and /var is kept, across upgrade and rollback",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
  },
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 10,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });

    const [changed, deleted] = await step("the image ships files in /etc to change", () =>
      pickShippedFiles(guest),
    );
    await step("upgrade is staged over local changes", async () => {
      await guest.files.write(added, "added in v1\n");
      await guest.files.write(changed, "# changed in v1\n");
      await guest.files.remove(deleted);
      await guest.files.write(kept, "kept from v1\n");
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
    });
    await step("v2 has the local changes in /etc and the same /var", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      expectEqual(
        `The file added to /etc (${added})`,
        await guest.files.read(added),
        "added in v1\n",
      );
      expectEqual(
        `The changed file ${changed}`,
        await guest.files.read(changed),
        "# changed in v1\n",
      );
      expectEqual(`The deleted file ${deleted}`, await guest.files.read(deleted), null);
      expectEqual(`The file in /var (${kept})`, await guest.files.read(kept), "kept from v1\n");
    });
    await step("rollback returns to v1's own /etc and the shared /var", async () => {
      await guest.files.write(addedLater, "added in v2\n");
      await guest.files.write(keptLater, "kept from v2\n");
      await guest.bootc.rollback();
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
      expectEqual(`The file added to /etc in v1`, await guest.files.read(added), "added in v1\n");
      expectEqual(`The file added to /etc in v2`, await guest.files.read(addedLater), null);
      expectEqual(`The file written to /var in v1`, await guest.files.read(kept), "kept from v1\n");
      expectEqual(
        `The file written to /var in v2`,
        await guest.files.read(keptLater),
        "kept from v2\n",
      );
    });
  },
});

/** Files that distributions ship in /etc and that no boot needs. */
const harmless = [
  "xattr.conf",
  "mke2fs.conf",
  "GREP_COLORS",
  "DIR_COLORS",
  "debconf.conf",
  "deluser.conf",
  "adduser.conf",
  "issue.net",
];

/** Two files that the image ships in /etc, one to change and one to delete. */
async function pickShippedFiles(guest: Guest): Promise<[string, string]> {
  const shipped = (await guest.run`find /usr/etc -maxdepth 1 -type f`).split("\n");
  const [first, second] = harmless.filter((name) => shipped.includes(`/usr/etc/${name}`));
  expectThat(
    first !== undefined && second !== undefined,
    "The image ships fewer than two harmless files in /etc.",
    {
      "looked for": harmless.join(", "),
    },
  );
  return [`/etc/${first}`, `/etc/${second}`];
}
