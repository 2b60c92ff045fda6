import { expectEqual, expectThat, quoting, scenario } from "../../harness/index.ts";

const own = "/etc/bootc/install/99-bootgate.toml";
const wanted = "xfs";

/** `bootc install print-configuration`, read as what it has to be: one JSON object. */
function read(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  expectThat(
    typeof value === "object" && value !== null && !Array.isArray(value),
    "The configuration is not a JSON object.",
    { got: text.slice(0, 1000) },
  );
  return value as Record<string, unknown>;
}

const rootType = (config: Record<string, unknown>): unknown => {
  const { filesystem } = config as { filesystem?: { root?: { type?: unknown } | null } | null };
  return filesystem?.root?.type ?? null;
};

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
      return read(await guest.run`bootc install print-configuration`);
    });
    const type = rootType(shipped);
    note(
      type === null
        ? "The image does not say which file system it is to be installed on."
        : `The image is to be installed on ${String(type).slice(0, 40)}.`,
    );
    const other = type === wanted ? "ext4" : wanted;
    await step("a file of the machine's own goes over it", async () => {
      await guest.run`mkdir -p /etc/bootc/install`;
      await guest.files.write(own, `[install.filesystem.root]\ntype = "${other}"\n`);
      const merged = read(await guest.run`bootc install print-configuration`);
      expectThat(
        rootType(merged) === other,
        quoting`The root's file system is ${JSON.stringify(rootType(merged)) ?? "not told"}.`,
        { expected: other },
      );
      for (const key of Object.keys(shipped).filter(
        (name) => !/^(?:filesystem|root-fs-type)$/.test(name),
      ))
        expectEqual(`The setting ${key.slice(0, 60)}`, merged[key], shipped[key]);
    });
    await step("without that file all is as before", async () => {
      await guest.files.remove(own);
      expectEqual(
        "The configuration",
        read(await guest.run`bootc install print-configuration`),
        shipped,
      );
    });
  },
});
