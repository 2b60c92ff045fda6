import {
  composefsOf,
  expectEqual,
  expectThat,
  isAtLeast,
  mountedComposefsImage,
  namedComposefsImages,
  quoting,
  scenario,
} from "../../harness/index.ts";

/** The first release whose composefs backend is held to it. */
const readOnlySince = "1.12";

/** 1. `/` really is a composefs mount, not just asked for in the initramfs; 2. `/usr` cannot be written; 3. `/sysroot` is read-only, unless the image sets it otherwise. */
export default scenario({
  summary: "The root file system is a composefs mount and cannot be written",
  needs: { images: ["candidate"], promises: ["composefs"] },
  timeoutMinutes: 3,

  async run({ images: { candidate }, boot, step, note }) {
    await using guest = await boot(candidate);

    const { root, backend } = await step("/ is mounted from composefs", async () => {
      // Told first where there is nothing of the kind: a plain ext4 is what such a system should have.
      const backend = await guest.backend();
      const root = await guest.ostree.rootMount();
      expectThat(
        root.fstype === "overlay" && /^(?:transient:)?composefs(?:[:=]|$)/.test(root.source),
        quoting`/ is a ${root.fstype} mount of '${root.source}', not composefs.`,
        { options: root.options.join(",").slice(0, 500) },
      );
      return { root, backend };
    });
    await step("the booted system records composefs", async () => {
      if (backend === "composefs") {
        // There is no /run/ostree-booted; the kernel arguments name the image, or two of it, and the mount shows which one it is.
        const named = namedComposefsImages(await guest.run`cat /proc/cmdline`);
        const mounted = mountedComposefsImage(root.source);
        expectThat(
          named.some(({ digest }) => digest === mounted),
          "The image mounted at / is not one that the kernel arguments name.",
          { named: named.map(({ digest }) => digest).join(" "), mounted: mounted ?? "not told" },
        );
        return;
      }
      // The file is a GVariant a{sv}; its key names are plain text in it (ostree, src/switchroot).
      const { exitCode } = await guest.attempt`grep -q composefs /run/ostree-booted`;
      expectEqual("The exit code of the search for 'composefs' in /run/ostree-booted", exitCode, 0);
    });
    await step("/usr cannot be written", async () => {
      // With a root in memory /usr is a part of that (ostree-prepare-root(1)): the image says so, and not what is found.
      const { isRootTransient } = await composefsOf(guest).setting(backend);
      if (isRootTransient)
        return note("/ is transient by the image's own setting, and /usr with it.");
      const { exitCode, stderr } =
        await guest.attempt`env LC_ALL=C touch /usr/.bootgate-write-test`;
      expectThat(exitCode !== 0, "A file could be created in /usr.");
      expectThat(
        /Read-only file system/i.test(stderr),
        "Writing to /usr fails, but not since it is read-only.",
        {
          said: stderr,
        },
      );
    });
    await step("/sysroot is mounted read-only", async () => {
      const { isSysrootWritable } = await composefsOf(guest).setting(backend);
      if (isSysrootWritable) return note("/sysroot can be written by the image's own setting.");
      const sysroot = await guest.ostree.mount("/sysroot");
      const isReadOnly = sysroot?.options.includes("ro") === true;
      // Before bootc-dev/bootc#1769 (November 2025) its initramfs left it writable.
      if (backend === "composefs" && !isReadOnly) {
        const version = await guest.run`bootc --version`;
        if (!isAtLeast(version, readOnlySince))
          return note(`/sysroot can be written, as ${version.slice(0, 50)} leaves it.`);
      }
      expectThat(isReadOnly, "/sysroot is not mounted read-only.", {
        options: sysroot?.options.join(",") ?? "it is not a mount",
      });
    });
  },
});
