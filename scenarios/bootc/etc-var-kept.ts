import {
  composefsOf,
  expectEqual,
  expectThat,
  type Guest,
  keepsFolder,
  quoting,
  scenario,
} from "../../harness/index.ts";

const added = "/etc/bootgate-added.conf";
const addedLater = "/etc/bootgate-added-later.conf";
const kept = "/var/lib/bootgate-kept";
const keptLater = "/var/lib/bootgate-kept-later";

/** What is written where the image has something else. */
const changedText = "# changed in v1\n";

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

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, note, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v1);
    await using guest = await boot(v1, { follows: stable });

    const { readOnlyFolders } = await composefsOf(guest).setting(await guest.backend());
    for (const folder of readOnlyFolders)
      skip(`${folder} is read-only by the setting of v1, so nothing is changed in it.`);
    const { changed, deleted, isKept, keepsVar } = await step(
      "what the image ships in /etc is known",
      async () => ({
        ...(await pickShippedFiles(guest)),
        isKept: await keepsFolder(guest, "/etc"),
        keepsVar: await keepsFolder(guest, "/var"),
      }),
    );
    if (!keepsVar) note("/var is in memory by the setting of v1, so nothing in it has to stay.");
    if (!isKept) note("/etc is transient by the setting of v1, so no change in it has to stay.");
    if (changed === null || deleted === null)
      note(
        "The image ships fewer than two files in /etc that a boot can do without; a changed and a deleted file are not both tried.",
      );
    await step("upgrade is staged over local changes", async () => {
      await guest.files.write(added, "added in v1\n");
      if (changed !== null) await guest.files.write(changed, changedText);
      if (deleted !== null) await guest.files.remove(deleted);
      await guest.files.write(kept, "kept from v1\n");
      await shelf.publish("os:stable", v2);
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
    });
    const isShared = await step("v2 has the local changes in /etc and the same /var", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      const stays = isKept && (await keepsFolder(guest, "/etc"));
      if (isKept && !stays) note("/etc is transient by the setting of v2: it starts from its own.");
      await expectChanges(guest, { changed, deleted, stays });
      const isShared = keepsVar && (await keepsFolder(guest, "/var"));
      if (keepsVar && !isShared) note("/var is in memory by the setting of v2.");
      const wanted = isShared ? "kept from v1\n" : null;
      expectEqual(`The file in /var (${kept})`, await guest.files.read(kept), wanted);
      return isShared;
    });
    await step("rollback returns to v1's own /etc and the shared /var", async () => {
      await guest.files.write(addedLater, "added in v2\n");
      await guest.files.write(keptLater, "kept from v2\n");
      await guest.bootc.rollback();
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
      const own = isKept ? "added in v1\n" : null;
      expectEqual(`The file added to /etc in v1`, await guest.files.read(added), own);
      expectEqual(`The file added to /etc in v2`, await guest.files.read(addedLater), null);
      const ofV1 = keepsVar ? "kept from v1\n" : null;
      expectEqual(`The file written to /var in v1`, await guest.files.read(kept), ofV1);
      expectEqual(
        `The file written to /var in v2`,
        await guest.files.read(keptLater),
        isShared ? "kept from v2\n" : null,
      );
    });
  },
});

interface Changes {
  readonly changed: string | null;
  readonly deleted: string | null;
  /** Every system on the way keeps its /etc; else the image's own has to be there. */
  readonly stays: boolean;
}

async function expectChanges(guest: Guest, { changed, deleted, stays }: Changes): Promise<void> {
  const wanted = stays ? "added in v1\n" : null;
  expectEqual(`The file added to /etc (${added})`, await guest.files.read(added), wanted);
  if (changed !== null && stays)
    expectEqual(`The changed file ${changed}`, await guest.files.read(changed), changedText);
  else if (changed !== null)
    expectThat(
      (await guest.files.read(changed)) !== changedText,
      quoting`The change of ${changed} has stayed, although /etc is transient.`,
    );
  if (deleted !== null && stays)
    expectEqual(`The deleted file ${deleted}`, await guest.files.read(deleted), null);
  else if (deleted !== null)
    expectThat(
      (await guest.files.read(deleted)) !== null,
      quoting`${deleted} is still gone, although /etc is transient.`,
    );
}

/** Files that distributions ship in /etc and that no boot needs; taken first. */
const harmless = [
  "xattr.conf",
  "mke2fs.conf",
  "issue.net",
  "GREP_COLORS",
  "DIR_COLORS",
  "DIR_COLORS.lightbgcolor",
  "debconf.conf",
  "deluser.conf",
  "adduser.conf",
  "usb_modeswitch.conf",
  "pinforc",
  "rsyncd.conf",
  "wgetrc",
  "nanorc",
  "motd",
];

/** Files that a boot, a login or the harness needs, and such as the running system writes; never taken. */
const needed =
  /^(?:\.|fstab|crypttab|passwd|group|shadow|gshadow|sub[ug]id|machine-|hostname|hosts|host\.conf|nsswitch|resolv|os-release|locale|vconsole|localtime|adjtime|ld\.so|environment|profile|bash|csh|zsh|inputrc|shells|sudo|login|securetty|sysctl|modules|mtab|services|protocols|rpc|networks|ethers|pam|ssh|selinux|dracut|fuse|nfs|exports|aliases|cron|at\.|doas|ostree|bootc|containers|rpm|dnf|yum|apt|krb5|idmapd|chrony|timezone|mdadm|lvm|multipath|iscsi)|[-~]$|\.(?:cache|pwd|lock)$/;

/**
 * Two files in /etc, one to change and one to delete; null where there is none. With the ostree backend the image's own
 * are in /usr/etc. The composefs backend does not show them, and there a file of /etc with a name that images ship will do:
 * it is kept just the same if it was made at the first boot.
 */
async function pickShippedFiles(
  guest: Guest,
): Promise<{ changed: string | null; deleted: string | null }> {
  const present = namesIn(await guest.run`find /etc -maxdepth 1 -type f`);
  const isOstree = (await guest.backend()) === "ostree";
  const shipped = isOstree ? namesIn(await guest.run`find /usr/etc -maxdepth 1 -type f`) : present;
  const here = shipped.filter((name) => present.includes(name));
  const others = here.filter((name) => !harmless.includes(name) && !needed.test(name));
  const [changed, deleted] = [...harmless.filter((name) => here.includes(name)), ...others.sort()];
  return {
    changed: changed === undefined ? null : `/etc/${changed}`,
    deleted: deleted === undefined ? null : `/etc/${deleted}`,
  };
}

/** The last words of a list of paths. */
const namesIn = (paths: string): string[] =>
  paths.split("\n").map((path) => path.slice(path.lastIndexOf("/") + 1));
