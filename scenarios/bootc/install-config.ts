import { expectEqual, scenario } from "../../harness/index.ts";

/** Files are merged in the order of their names, wherever they lie; images name theirs as they like. */
const own = "/etc/bootc/install/zzz-bootgate.toml";
const wanted = "xfs";

/**
 * 1. what the image ships in /usr/lib/bootc/install can be read; 2. a file of the machine's own goes over it; 3. once that is
 * removed all is as before (bootc-dev/bootc, docs/src/bootc-install-config.5).
 */
export default scenario({
  summary:
    "The image's installation configuration can be read, and a machine's own file goes over it",
  needs: { images: ["candidate"] },
  suite: "full",
  timeoutMinutes: 4,

  async run({ images: { candidate }, boot, step, note }) {
    await using guest = await boot(candidate);

    const shipped = await step("what the image ships can be read", async () => {
      await guest.backend();
      return guest.bootc.installConfiguration();
    });
    const type = shipped.filesystem?.root?.type ?? null;
    note(
      type === null
        ? "The image does not say which file system it is to be installed on."
        : `The image is to be installed on ${type.slice(0, 40)}.`,
    );
    const other = type === wanted ? "ext4" : wanted;
    await step("a file of the machine's own goes over it", async () => {
      await guest.run`mkdir -p /etc/bootc/install`;
      await guest.files.write(own, `[install.filesystem.root]\ntype = "${other}"\n`);
      const merged = await guest.bootc.installConfiguration();
      expectEqual("The root's file system", merged.filesystem?.root?.type, other);
      // Without any file bootc prints null for what it has a default of, and the default with one (install/config.rs, canonicalize).
      for (const key of Object.keys(shipped).filter(
        (name) => !/^(?:filesystem|root-fs-type)$/.test(name) && shipped[name] !== null,
      ))
        expectEqual(`The setting ${key.slice(0, 60)}`, merged[key], shipped[key]);
    });
    await step("without that file all is as before", async () => {
      await guest.files.remove(own);
      expectEqual("The configuration", await guest.bootc.installConfiguration(), shipped);
    });
  },
});
