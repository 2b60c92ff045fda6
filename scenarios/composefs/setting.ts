import {
  composefsOf,
  expectEqual,
  expectThat,
  type Guest,
  isInMemory,
  keepsFolder,
  readInitramfs,
  scenario,
} from "../../harness/index.ts";

/** What an initramfs takes of its image, and where the image has it: /etc as it is shipped is below /usr. */
const copies = {
  ostree: {
    "usr/lib/ostree/prepare-root.conf": "/usr/lib/ostree/prepare-root.conf",
    "etc/ostree/prepare-root.conf": "/usr/etc/ostree/prepare-root.conf",
  },
  composefs: {
    "usr/lib/composefs/setup-root-conf.toml": "/usr/lib/composefs/setup-root-conf.toml",
  },
} as const;

type Backend = keyof typeof copies;
type Mount = Awaited<ReturnType<Guest["ostree"]["rootMount"]>>;
type Setting = Awaited<ReturnType<ReturnType<typeof composefsOf>["setting"]>>;

const none = "no such file";

/** Returns what kept it from looking, or null. */
async function expectSameInInitramfs(guest: Guest, backend: Backend): Promise<string | null> {
  const initramfs = `/usr/lib/modules/${await guest.run`uname -r`}/initramfs.img`;
  if ((await guest.attempt`test -f ${initramfs}`).exitCode !== 0)
    return "The initramfs does not lie beside the kernel: it is in a unified kernel image.";
  const names = Object.entries(copies[backend]);
  const files = await readInitramfs(
    guest,
    initramfs,
    names.map(([name]) => name),
  );
  if ("unreadable" in files) return `The initramfs was not read: ${files.unreadable}.`;
  for (const [name, path] of names)
    expectEqual(
      `${name} in the initramfs`,
      files.get(name) ?? none,
      (await guest.files.read(path)) ?? none,
    );
  return null;
}

/** The same for what ostree recorded. */
async function expectRecorded(guest: Guest, setting: Setting): Promise<string | null> {
  const booted = await composefsOf(guest).booted();
  if (booted.size === 0) return "This ostree does not record how it mounted the root.";
  const isThere = booted.get("composefs") ?? false;
  const expected: Readonly<Record<string, boolean>> = {
    ...(setting.enabled === "maybe" ? {} : { composefs: setting.enabled !== "no" }),
    "composefs.verity": setting.needsVerity,
    "root.transient": setting.isRootInMemory,
  };
  for (const [key, value] of Object.entries(expected))
    expectEqual(`${key} in /run/ostree-booted`, booted.get(key) ?? false, value);
  if (isThere)
    expectEqual(
      "composefs.signed in /run/ostree-booted",
      booted.has("composefs.signed"),
      setting.enabled === "signed",
    );
  return null;
}

/**
 * The mount that shows the image of the root. bootc's composefs backend puts another overlay over it where / is in memory, and from Linux 6.15 on
 * attaches that one alone (bootc, `crates/initramfs/src/lib.rs`, `overlay_transient`): null then.
 */
async function imageMount(guest: Guest, root: Mount, isCovered: boolean): Promise<Mount | null> {
  if (!isCovered) return root;
  const below = (await guest.ostree.mounts("/")).filter((mount) => !isInMemory(mount));
  return below.findLast(({ source }) => source.startsWith("composefs")) ?? null;
}

/** 1. the initramfs has the image's own setting; 2. the system recorded it; 3. the mounts and 4. the journal tell the same. */
export default scenario({
  summary:
    "What the image sets for its root is what its initramfs has and what the system booted with",
  needs: { images: ["candidate"] },
  suite: "full",
  timeoutMinutes: 5,

  async run({ images: { candidate }, boot, step, note }) {
    await using guest = await boot(candidate);
    const composefs = composefsOf(guest);

    const { backend, setting } = await step("the image says how its root is mounted", async () => {
      const backend = await guest.backend();
      const setting = await composefs.setting(backend);
      note(`${setting.path ?? "No file"} sets composefs to '${setting.enabled}'.`);
      return { backend, setting };
    });
    await step("the initramfs has what the image has", async () => {
      const unread = await expectSameInInitramfs(guest, backend);
      if (unread !== null) note(unread);
    });
    if (backend === "ostree")
      await step("the booted system recorded it", async () => {
        const unread = await expectRecorded(guest, setting);
        if (unread !== null) note(unread);
      });
    const isComposefs = await step("the mounts are as it says", async () => {
      const root = await guest.ostree.rootMount();
      const isComposefs = /^(?:transient:)?composefs(?:[:=]|$)/.test(root.source);
      expectThat(
        isComposefs === (setting.enabled !== "no") || setting.enabled === "maybe",
        `composefs is set to '${setting.enabled}', and / is ${isComposefs ? "" : "not "}composefs.`,
      );
      const needed = isComposefs && setting.needsVerity;
      const image = await imageMount(guest, root, backend === "composefs" && isInMemory(root));
      if (image === null)
        note(
          "verity=require among the mount options of / could not be seen: the composefs below the overlay of / is not a mount of its own.",
        );
      else
        expectEqual(
          "verity=require among the mount options of /",
          image.options.includes("verity=require"),
          needed,
        );
      expectEqual("/ in memory", isInMemory(root), isComposefs && setting.isRootInMemory);
      const isEtcInMemory = !(await keepsFolder(guest, "/etc"));
      expectEqual("/etc in memory", isEtcInMemory, setting.isEtcTransient);
      return isComposefs;
    });
    if (backend === "ostree" && isComposefs)
      await step("the journal tells the same", async () => {
        const told = await composefs.mountedWithVerity();
        if (told === null)
          return note("The journal does not have what ostree-prepare-root said in the initramfs.");
        expectEqual("verity in the journal of ostree-prepare-root", told, setting.needsVerity);
      });
  },
});
